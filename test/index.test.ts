import { readFile } from 'node:fs/promises'
import sensible from '@fastify/sensible'
import Fastify, { type FastifyInstance } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import t from 'tap'
import scimToken, { type ScimAuthResolver, type ScimTokenRecord, type ScimTokenStore } from '../lib/index.ts'
import { memoryStore } from '../lib/stores/memory.ts'
import { hashToken } from '../lib/token.ts'
import { admin, generate, generatePath, registerScimToken, startHost, type PluginSetup } from './helpers/host.ts'
import { createStoreContext } from './helpers/store-context.ts'

function createHost (setup: PluginSetup = {}): FastifyInstance {
  const app = Fastify()
  registerScimToken(app, setup)
  return app
}

t.test('the plugin registered in two scopes -> each tenant has its own users, store, options and prefix', async (t) => {
  const context = await createStoreContext({})
  const only = (name: string): ScimAuthResolver => ({
    authenticate: ({ headers }) => headers.authorization === name ? {} : null,
    authorize: () => true
  })
  const app = Fastify()
  t.teardown(() => app.close())
  const stores = { north: memoryStore(), south: memoryStore() }
  for (const [tenant, store] of Object.entries(stores)) {
    app.register(async (scope) => {
      registerScimToken(scope, { resolver: only(tenant), store, options: { prefix: `/${tenant}`, loginPath: `/${tenant}/login` } })
    })
  }
  const call = async (tenant: string, authorization: string) =>
    await app.inject({ method: 'POST', url: `/${tenant}${generatePath}`, headers: { authorization } })

  const north = (await call('north', 'north')).json()
  t.match(await stores.north.find(context), { hash: hashToken(north.token) })
  t.equal(await stores.south.find(context), null)

  const south = (await call('south', 'south')).json()
  t.match(await stores.north.find(context), { hash: hashToken(north.token) })
  t.match(await stores.south.find(context), { hash: hashToken(south.token) })

  t.match((await call('south', 'north')).json(), { message: /Log in at \/south\/login/ })
  t.equal((await call('north', 'south')).statusCode, 401)
})

t.test('another plugin depends on "fastify-scim-token" -> boot succeeds', async (t) => {
  const app = createHost()
  app.register(fastifyPlugin(async () => {}, { dependencies: ['fastify-scim-token'] }))
  await t.resolves(async () => { await app.ready() })
})

const { peerDependencies } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'))

t.test('the plugin metadata -> the Fastify versions of the peer dependency', (t) => {
  t.equal(Object(scimToken)[Symbol.for('plugin-meta')].fastify, peerDependencies.fastify)
  t.end()
})

t.test('resolver and store are class instances -> 200', async (t) => {
  class Sessions implements ScimAuthResolver {
    readonly #user = {}
    authenticate () { return this.#user }
    authorize (user: object) { return user === this.#user }
  }
  class Store implements ScimTokenStore {
    #record: ScimTokenRecord | null = null
    replace (record: ScimTokenRecord) { this.#record = record; return true }
    find () { return this.#record }
  }
  const store = new Store()
  const app = createHost({ resolver: new Sessions(), store })
  t.equal((await generate(app)).statusCode, 200)
  t.match(store.find(), { hash: String })
})

t.test('the host registers @fastify/sensible before or after the plugin -> 200', async (t) => {
  const before = await startHost(t, { prepare: (app) => app.register(sensible) })
  t.equal((await generate(before.app)).statusCode, 200)

  const after = createHost()
  after.register(sensible)
  t.equal((await generate(after)).statusCode, 200)
})

t.test('a host without a logger -> 200 and 401', async (t) => {
  const app = createHost()
  t.equal((await generate(app, admin)).statusCode, 200)
  t.equal((await generate(app, {})).statusCode, 401)
})
