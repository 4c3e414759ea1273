// Starts an app, empty or with the plugin, and prints what registering cost: node --expose-gc startup.js [plugin]
import Fastify from 'fastify'

globalThis.gc()
const memory = process.memoryUsage()
const start = performance.now()

const { default: scimToken } = process.argv[2] === 'plugin' ? await import('fastify-scim-token') : {}
const imported = performance.now()

const app = Fastify()
app.decorate('scimAuthResolver', { authenticate: () => null, authorize: () => false })
app.decorate('scimTokenStore', { find: () => null, replace: () => false })
if (scimToken !== undefined) app.register(scimToken)
await app.ready()
const ready = performance.now()

globalThis.gc()
const { heapUsed, rss } = process.memoryUsage()
console.log(JSON.stringify({
  importMilliseconds: imported - start,
  readyMilliseconds: ready - imported,
  heapKilobytes: (heapUsed - memory.heapUsed) / 1024,
  rssKilobytes: (rss - memory.rss) / 1024
}))
