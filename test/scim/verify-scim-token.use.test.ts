import Fastify, { type FastifyInstance } from 'fastify'
import t from 'tap'
import type { ScimTokenRecord } from '../../lib/index.ts'
import { hashToken } from '../../lib/token.ts'
import { admin, generatePath, registerScimToken } from '../helpers/host.ts'
import { addScimRoutes, startScimHost } from '../helpers/scim-host.ts'

/** The ways to guard a route that need no other plugin. */
const ways: Record<string, (app: FastifyInstance) => Promise<void>> = {
  'a hook of a scope': async (app) => {
    app.addHook('onRequest', app.verifyScimToken)
    app.get('/guarded', async ({ scimToken }) => scimToken)
  },
  'the only hook of a route': async (app) => {
    app.get('/guarded', { onRequest: app.verifyScimToken }, async ({ scimToken }) => scimToken)
  },
  'one of several hooks of a route': async (app) => {
    app.get('/guarded', { onRequest: [async () => {}, app.verifyScimToken] }, async ({ scimToken }) => scimToken)
  }
}

for (const [way, guard] of Object.entries(ways)) {
  t.test(`verifyScimToken as ${way} -> the token is accepted, and the handler gets its record`, async (t) => {
    const { app, generate } = await startScimHost(t, { routes: guard })
    const token = await generate()
    const response = await app.inject({ url: '/guarded', headers: { authorization: `Bearer ${token}` } })
    t.equal(response.statusCode, 200)
    t.equal(response.json().hash, hashToken(token))
    t.ok(Date.now() - Date.parse(response.json().createdAt) < 60_000)
    t.equal((await app.inject('/guarded')).statusCode, 401)
  })

  t.test(`verifyScimToken as ${way} -> other routes need no token`, async (t) => {
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

t.test('request.scimToken -> null before the token is accepted and if it is rejected', async (t) => {
  const seen: Record<string, ScimTokenRecord | null> = {}
  const { send, generate } = await startScimHost(t, {
    async routes (app) {
      app.addHook('onRequest', async ({ scimToken }) => { seen['before'] = scimToken })
      app.addHook('onRequest', app.verifyScimToken)
      app.addHook('preHandler', async ({ scimToken }) => { seen['after'] = scimToken })
      app.addHook('onResponse', async ({ scimToken }) => { seen['onResponse'] = scimToken })
      app.get('/scim/Users', async () => 'users')
    }
  })
  const token = await generate()
  await send(`Bearer ${token}`)
  t.match(seen, { before: null, after: { hash: hashToken(token) }, onResponse: { hash: hashToken(token) } })

  delete seen['after']
  await send('Bearer wrong')
  t.strictSame(seen, { before: null, onResponse: null })
})

t.test('two tenants in one app -> each accepts only its own token', async (t) => {
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

t.test('HEAD without a token -> 401 with a challenge and no body', async (t) => {
  const { app, generate } = await startScimHost(t)
  const authorization = `Bearer ${await generate()}`
  t.equal((await app.inject({ method: 'HEAD', url: '/scim/Users', headers: { authorization } })).statusCode, 200)
  const rejected = await app.inject({ method: 'HEAD', url: '/scim/Users' })
  t.match(rejected, { statusCode: 401, body: '', headers: { 'www-authenticate': 'Bearer realm="SCIM"' } })
})
