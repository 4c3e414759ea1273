import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import scimToken, { ScimError, verifyScimToken } from '../../lib/index.ts'
import { memoryStore } from '../../lib/stores/memory.ts'
import { admin, generatePath, registerScimToken, users } from '../helpers/host.ts'
import { captureLog } from '../helpers/log.ts'

function createApp (t: Test) {
  const { log, logger } = captureLog(t)
  const app = Fastify({ logger })
  t.teardown(() => app.close())
  return { app, log }
}

async function generateToken (app: FastifyInstance, prefix = ''): Promise<string> {
  return (await app.inject({ method: 'POST', url: prefix + generatePath, headers: admin })).json().token
}

const statusOf = async (app: FastifyInstance, url: string, authorization?: string) =>
  (await app.inject({ url, headers: authorization === undefined ? {} : { authorization } })).statusCode

/** Every way to guard a route; each is defined before the plugin is registered, or without waiting for it. */
const guards: Record<string, (app: FastifyInstance) => void> = {
  'a route before the registration': (app) => {
    app.get('/scim/Users', { onRequest: verifyScimToken }, async () => ({}))
    registerScimToken(app)
  },
  'a route after the registration, which is not awaited': (app) => {
    registerScimToken(app)
    app.get('/scim/Users', { onRequest: verifyScimToken }, async () => ({}))
  },
  'a scope before the registration': (app) => {
    app.register(async (scim) => {
      scim.addHook('onRequest', verifyScimToken)
      scim.get('/scim/Users', async () => ({}))
    })
    registerScimToken(app)
  },
  'a nested scope': (app) => {
    registerScimToken(app)
    app.register(async (outer) => {
      outer.register(async (scim) => {
        scim.addHook('onRequest', verifyScimToken)
        scim.get('/scim/Users', async () => ({}))
      })
    })
  },
  'a list of hooks': (app) => {
    app.get('/scim/Users', { onRequest: [async () => {}, verifyScimToken] }, async () => ({}))
    registerScimToken(app)
  }
}

for (const [what, guard] of Object.entries(guards)) {
  t.test(`${what} is guarded by the import -> the valid token is accepted, and nothing else`, async (t) => {
    const { app } = createApp(t)
    guard(app)
    const token = await generateToken(app)
    t.equal(await statusOf(app, '/scim/Users', `Bearer ${token}`), 200)
    t.equal(await statusOf(app, '/scim/Users'), 401)
    t.equal(await statusOf(app, '/scim/Users', `Bearer ${token.slice(0, -1)}`), 401)
  })
}

t.test('the plugin is not registered -> 500 without running the route, and the log says what to register', async (t) => {
  const { app, log } = createApp(t)
  let handled = 0
  app.get('/scim/Users', { onRequest: verifyScimToken }, async () => ++handled)
  const response = await app.inject({ url: '/scim/Users', headers: { authorization: 'Bearer x' } })
  t.equal(response.statusCode, 500)
  t.match(response.headers['content-type'], /^application\/scim\+json/)
  t.strictSame(response.json(), {
    schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'], status: '500', detail: 'Something went wrong on the server. Its log has the cause.'
  })
  t.equal(handled, 0)
  t.match(log.find(({ level }) => level === 50), { err: { stack: /SCIM_TOKEN_NOT_REGISTERED/, message: /app\.register\(scimToken\)/ } })
})

t.test('the plugin is registered in another scope -> 500', async (t) => {
  const { app } = createApp(t)
  app.register(async (tenant) => { registerScimToken(tenant, { options: { prefix: '/tenant' } }) })
  app.get('/scim/Users', { onRequest: verifyScimToken }, async () => ({}))
  const token = await generateToken(app, '/tenant')
  t.equal(await statusOf(app, '/scim/Users', `Bearer ${token}`), 500)
})

t.test('a host decorates its app with the import and registers no plugin -> 500, and the process goes on', async (t) => {
  const { app } = createApp(t)
  app.decorate('verifyScimToken', verifyScimToken)
  app.get('/scim/Users', { onRequest: verifyScimToken }, async () => ({}))
  t.equal(await statusOf(app, '/scim/Users'), 500)
})

t.test('two tenants, guarded by one hook around both -> each accepts only its own token', async (t) => {
  const { app } = createApp(t)
  app.addHook('onRequest', async (request, reply) => {
    if (request.url.endsWith('/Users')) await verifyScimToken(request, reply)
  })
  for (const name of ['north', 'south']) {
    app.register(async (tenant) => {
      tenant.decorate('scimAuthResolver', users)
      tenant.decorate('scimTokenStore', memoryStore())
      tenant.register(scimToken, { prefix: `/${name}` })
      tenant.get(`/${name}/Users`, async () => ({}))
    })
  }
  const north = `Bearer ${await generateToken(app, '/north')}`
  const south = `Bearer ${await generateToken(app, '/south')}`
  t.strictSame([await statusOf(app, '/north/Users', north), await statusOf(app, '/south/Users', south)], [200, 200])
  t.strictSame([await statusOf(app, '/north/Users', south), await statusOf(app, '/south/Users', north)], [401, 401])
})

t.test('the import rejects -> it throws a ScimError, as the decorator does', async (t) => {
  const { app } = createApp(t)
  const thrown: unknown[] = []
  app.setErrorHandler((error, _request, reply) => {
    thrown.push(error)
    reply.send('rejected')
  })
  app.get('/scim/Users', { onRequest: verifyScimToken }, async () => ({}))
  registerScimToken(app)
  t.equal(await statusOf(app, '/scim/Users'), 401)
  t.ok(thrown[0] instanceof ScimError)
  t.match(thrown, [{ code: 'SCIM_TOKEN_MISSING' }])
})
