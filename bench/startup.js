// Starts an app, empty or with the plugin, and prints what that took: node startup.js [plugin]
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

const withPlugin = process.argv[2] === 'plugin'

const [Fastify, importFastify] = await timed(async () => (await import('fastify')).default)
const [scimToken, importPlugin] = await timed(async () => withPlugin ? (await import('fastify-scim-token')).default : undefined)
const [, ready] = await timed(async () => {
  const app = Fastify()
  app.decorate('scimAuthResolver', { authenticate: () => null, authorize: () => false })
  app.decorate('scimTokenStore', { find: () => null, replace: () => false })
  if (withPlugin) app.register(scimToken)
  await app.ready()
})

// As an option of the command it would make Node.js discard the compiled code of its own modules.
setFlagsFromString('--expose-gc')
runInNewContext('gc')()
const { heapUsed, rss } = process.memoryUsage()
console.log(JSON.stringify({
  importFastify,
  importPlugin,
  ready,
  heapKilobytes: heapUsed / 1024,
  rssKilobytes: rss / 1024
}))

/** Returns the result of a function and the CPU time that it took, in milliseconds. */
async function timed (run) {
  const before = process.cpuUsage()
  const result = await run()
  const { user, system } = process.cpuUsage(before)
  return [result, (user + system) / 1000]
}
