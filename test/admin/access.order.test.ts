import rateLimit from '@fastify/rate-limit'
import t from 'tap'
import { memoryStore } from '../../lib/stores/memory.ts'
import { admin, generate, startHost } from '../helpers/host.ts'

t.test('failed attempts over the rate limit of the route -> 429', async (t) => {
  const { app } = await startHost(t, {
    prepare: (app) => app.register(rateLimit, { global: false }),
    options: { routeConfig: { generateNewToken: { rateLimit: { max: 2 } } } }
  })
  const statuses: number[] = []
  for (let i = 0; i < 4; i++) statuses.push((await generate(app, { authorization: 'bogus' })).statusCode)
  t.strictSame(statuses, [401, 401, 429, 429])
})

t.test('an onRoute hook of the host removes the access check -> 500 for every request, and the store is not called', async (t) => {
  const calls: string[] = []
  const record = (name: string) => async () => { calls.push(name) }
  const { app, log } = await startHost(t, {
    prepare: (app) => { app.addHook('onRoute', (route) => { delete route.preParsing }) },
    store: { ...memoryStore(), replace: record('replace'), getSettings: record('getSettings'), setEnabled: record('setEnabled') } as unknown as ReturnType<typeof memoryStore>,
    options: { settingsRoutes: true }
  })
  t.equal((await generate(app, admin)).statusCode, 500)
  t.equal((await generate(app, {})).statusCode, 500)
  t.equal((await app.inject({ url: '/api/admin/scim-settings', headers: admin })).statusCode, 500)
  t.strictSame(calls, [])
  t.match(log.find(({ level }) => level === 50), { msg: /access check of this route was removed/ })
})
