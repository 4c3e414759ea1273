import Fastify, { type FastifyInstance } from 'fastify'
import t from 'tap'
import scimToken from '../lib/index.ts'
import { memoryStore } from '../lib/stores/memory.ts'
import { admin, generate, generatePath, startHost, users } from './helpers/host.ts'

function hostWithDecorators (): FastifyInstance {
  const app = Fastify()
  app.decorate('scimAuthResolver', users)
  app.decorate('scimTokenStore', memoryStore())
  return app
}

const taken: Record<string, [name: string, prepare: (app: FastifyInstance) => unknown]> = {
  'the plugin is registered twice in one scope': ['verifyScimToken', (app) => app.register(scimToken)],
  'the host has a decorator verifyScimToken': ['verifyScimToken', (app) => app.decorate('verifyScimToken', async () => {})],
  'the host has a request decorator scimToken': ['request.scimToken', (app) => app.decorateRequest('scimToken', null)]
}

for (const [what, [name, prepare]] of Object.entries(taken)) {
  t.test(`${what} -> boot fails, and the error says what is there and that each tenant gets a scope`, async (t) => {
    const app = hostWithDecorators()
    prepare(app)
    app.register(scimToken, { prefix: '/second' })
    await t.rejects(async () => { await app.ready() }, {
      message: `fastify-scim-token: the decorator "${name}" exists already, from an earlier registration of this plugin or from the host. ` +
        'Register the plugin once per scope; each tenant gets a scope of its own: app.register(async (tenant) => { tenant.register(...) }).'
    })
  })
}

t.test('the plugin is registered in a scope within one that has it -> boot fails with the same error', async (t) => {
  const app = hostWithDecorators()
  app.register(scimToken)
  app.register(async (scope) => { await scope.register(scimToken, { prefix: '/second' }) })
  await t.rejects(async () => { await app.ready() }, { message: /"verifyScimToken" exists already/ })
})

for (const when of ['before', 'after'] as const) {
  t.test(`the host adds schemas of the same $id ${when} the plugin -> both work, and validate and serialize with their own`, async (t) => {
    const app = hostWithDecorators()
    t.teardown(() => app.close())
    const addSchemas = async () => {
      app.addSchema({ $id: 'scimTokenSchema', type: 'object', properties: { host: { type: 'string' } } })
      app.addSchema({ $id: 'scimSettingsSchema', type: 'object', properties: { host: { type: 'string' } } })
      app.addSchema({ $id: 'setScimSettingsSchema', type: 'object', properties: { enabled: { type: 'string' } }, required: ['host'] })
      const schema = { body: { $ref: 'setScimSettingsSchema#' }, response: { 200: { $ref: 'scimTokenSchema#' } } }
      app.post('/host', { schema }, async () => ({ host: 'kept', token: 'removed' }))
    }
    if (when === 'before') await addSchemas()
    await app.register(scimToken, { settingsRoutes: true })
    if (when === 'after') await addSchemas()

    t.match((await generate(app)).json(), { token: /^scim_/ })
    const settings = '/api/admin/scim-settings'
    t.equal((await app.inject({ method: 'POST', url: settings, headers: admin, body: { enabled: false } })).statusCode, 200)
    t.equal((await app.inject({ method: 'POST', url: settings, headers: admin, body: { enabled: 'false', host: 'x' } })).statusCode, 400)
    t.strictSame((await app.inject({ url: settings, headers: admin })).json(), { enabled: false, hasToken: true })

    t.strictSame((await app.inject({ method: 'POST', url: '/host', body: { host: 'x' } })).json(), { host: 'kept' })
    t.equal((await app.inject({ method: 'POST', url: '/host', body: { enabled: 'x' } })).statusCode, 400)
  })
}

t.test('no SCIM settings without the option settingsRoutes -> 404 that says who sets SCIM up and how', async (t) => {
  const { app } = await startHost(t, { store: memoryStore({ configured: false }) })
  t.match((await generate(app)).json(), {
    name: 'NotFoundError',
    message: 'There are no SCIM settings yet. Whoever runs this server has to add them to its database, or to set the option "settingsRoutes" of fastify-scim-token.'
  })
})

t.test('no SCIM settings with the option settingsRoutes -> 404 that names the call that creates them', async (t) => {
  const { app } = await startHost(t, { store: memoryStore({ configured: false }), options: { settingsRoutes: true, prefix: '/unleash' } })
  const response = await app.inject({ method: 'POST', url: `/unleash${generatePath}`, headers: admin })
  t.match(response.json(), {
    name: 'NotFoundError',
    message: 'There are no SCIM settings yet. Enable SCIM first: POST {"enabled": true} to /unleash/api/admin/scim-settings.'
  })
})

t.test('a plugin of the host looks up a schema that the host has too -> it gets that of the host', async (t) => {
  const found: unknown[] = []
  await startHost(t, {
    prepare (app) {
      app.addSchema({ $id: 'scimTokenSchema', title: 'of the host' })
      app.addHook('onRoute', function () { found.push(this.getSchema('scimTokenSchema')) })
    }
  })
  t.match(found, [{ title: 'of the host' }])
})

t.test('a plugin of the host looks up the schema of a route in its scope -> it gets it', async (t) => {
  const found: unknown[] = []
  await startHost(t, {
    prepare (app) {
      app.addHook('onRoute', function () { found.push(this.getSchema('scimTokenSchema')) })
    }
  })
  t.match(found, [{ $id: 'scimTokenSchema' }])
})
