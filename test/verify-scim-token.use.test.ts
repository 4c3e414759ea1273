import Fastify, { type FastifyInstance } from 'fastify'
import t from 'tap'
import type { ScimTokenRecord } from '../lib/index.ts'
import { hashToken } from '../lib/token.ts'
import { admin, generatePath, registerScimToken } from './helpers/host.ts'
import { addScimRoutes, startScimHost } from './helpers/scim-host.ts'

/** The two ways of use that need no other plugin. */
const ways: Record<string, (app: FastifyInstance) => Promise<void>> = {
  'as a hook of a scope': async (app) => {
    app.addHook('onRequest', app.verifyScimToken)
    app.get('/guarded', async ({ scimToken }) => scimToken)
  },
  'as a hook of one route': async (app) => {
    app.get('/guarded', { onRequest: app.verifyScimToken }, async ({ scimToken }) => scimToken)
  },
  'among the hooks of one route': async (app) => {
    app.get('/guarded', { onRequest: [async () => {}, app.verifyScimToken] }, async ({ scimToken }) => scimToken)
  }
}

for (const [way, guard] of Object.entries(ways)) {
  t.test(`${way}, it lets in the token, and the handler has its record`, async (t) => {
    const { app, generate } = await startScimHost(t, { routes: guard })
    const token = await generate()
    const answer = await app.inject({ url: '/guarded', headers: { authorization: `Bearer ${token}` } })
    t.equal(answer.statusCode, 200)
    t.equal(answer.json().hash, hashToken(token))
    t.ok(Date.now() - Date.parse(answer.json().createdAt) < 60_000)
    t.equal((await app.inject('/guarded')).statusCode, 401)
  })

  t.test(`${way}, it leaves all other routes alone`, async (t) => {
    const { app, generate, finds } = await startScimHost(t, {
      async routes (app) {
        app.register(guard)
        app.get('/open', async ({ scimToken }) => ({ scimToken }))
      }
    })
    const authorization = `Bearer ${await generate()}`
    t.strictSame((await app.inject({ url: '/open', headers: { authorization } })).json(), { scimToken: null })
    t.equal((await app.inject('/missing')).statusCode, 404)
    t.equal(finds(), 0)
  })
}

t.test('request.scimToken is null until the token is let in, and stays null when it is not', async (t) => {
  const seen: Record<string, ScimTokenRecord | null> = {}
  const { send, generate } = await startScimHost(t, {
    async routes (app) {
      app.addHook('onRequest', async ({ scimToken }) => { seen['before'] = scimToken })
      app.addHook('onRequest', app.verifyScimToken)
      app.addHook('preHandler', async ({ scimToken }) => { seen['after'] = scimToken })
      app.addHook('onResponse', async ({ scimToken }) => { seen['at last'] = scimToken })
      app.get('/scim/Users', async () => 'users')
    }
  })
  const token = await generate()
  await send(`Bearer ${token}`)
  t.match(seen, { before: null, after: { hash: hashToken(token) }, 'at last': { hash: hashToken(token) } })

  delete seen['after']
  await send('Bearer wrong')
  t.strictSame(seen, { before: null, 'at last': null })
})

t.test('each of two tenants in one app lets in its own token only', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  const prefixes = ['/a', '/b']
  for (const prefix of prefixes) {
    app.register(async (tenant) => {
      registerScimToken(tenant, { options: { prefix } })
      await tenant.register(addScimRoutes, { prefix })
    })
  }
  const tokens = await Promise.all(prefixes.map(async (prefix) =>
    (await app.inject({ method: 'POST', url: prefix + generatePath, headers: admin })).json().token))
  const statuses = prefixes.map((prefix) => Promise.all(tokens.map(async (token) =>
    (await app.inject({ url: `${prefix}/scim/Users`, headers: { authorization: `Bearer ${token}` } })).statusCode)))
  t.strictSame(await Promise.all(statuses), [[200, 401], [401, 200]])
})

t.test('a HEAD request needs the token too', async (t) => {
  const { app, generate } = await startScimHost(t)
  const authorization = `Bearer ${await generate()}`
  t.equal((await app.inject({ method: 'HEAD', url: '/scim/Users', headers: { authorization } })).statusCode, 200)
  const refused = await app.inject({ method: 'HEAD', url: '/scim/Users' })
  t.match(refused, { statusCode: 401, body: '', headers: { 'www-authenticate': 'Bearer realm="SCIM"' } })
})
