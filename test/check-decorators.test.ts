import Fastify from 'fastify'
import t from 'tap'
import scimToken, { type ScimTokenOptions } from '../lib/index.ts'
import { memoryStore } from '../lib/stores/memory.ts'
import { users } from './helpers/host.ts'

const store = memoryStore()
const tokensOnly = { replace: store.replace, find: store.find }

async function boot (decorators: Record<string, unknown>, options: ScimTokenOptions = {}): Promise<void> {
  const app = Fastify()
  for (const [name, value] of Object.entries(decorators)) app.decorate(name, value)
  app.register(scimToken, options)
  await app.ready()
  await app.close()
}

const cases: { what: string, decorators: Record<string, unknown>, options?: ScimTokenOptions, message: string }[] = [
  {
    what: 'no resolver',
    decorators: { scimTokenStore: store },
    message: 'the decorator "scimAuthResolver" is missing; call app.decorate(\'scimAuthResolver\', { authenticate () { ... }, authorize () { ... } }) before you register the plugin.'
  },
  {
    what: 'no store',
    decorators: { scimAuthResolver: users },
    message: 'the decorator "scimTokenStore" is missing; call app.decorate(\'scimTokenStore\', { replace () { ... }, find () { ... } }) before you register the plugin.'
  },
  {
    what: 'a resolver without methods',
    decorators: { scimAuthResolver: {}, scimTokenStore: store },
    message: '"scimAuthResolver" lacks the method authenticate and authorize; it must look like app.decorate(\'scimAuthResolver\', { authenticate () { ... }, authorize () { ... } }).'
  },
  {
    what: 'a resolver without authorize',
    decorators: { scimAuthResolver: { authenticate: users.authenticate }, scimTokenStore: store },
    message: '"scimAuthResolver" lacks the method authorize; it must look like app.decorate(\'scimAuthResolver\', { authenticate () { ... }, authorize () { ... } }).'
  },
  {
    what: 'a method that is not a function',
    decorators: { scimAuthResolver: users, scimTokenStore: { replace: true, find: store.find } },
    message: '"scimTokenStore" lacks the method replace; it must look like app.decorate(\'scimTokenStore\', { replace () { ... }, find () { ... } }).'
  },
  {
    what: 'a resolver that is null',
    decorators: { scimAuthResolver: null, scimTokenStore: store },
    message: '"scimAuthResolver" lacks the method authenticate and authorize; it must look like app.decorate(\'scimAuthResolver\', { authenticate () { ... }, authorize () { ... } }).'
  },
  {
    what: 'a store that is undefined',
    decorators: { scimAuthResolver: users, scimTokenStore: undefined },
    message: '"scimTokenStore" lacks the method replace and find; it must look like app.decorate(\'scimTokenStore\', { replace () { ... }, find () { ... } }).'
  },
  {
    what: 'settingsRoutes: true and a store without the settings methods',
    decorators: { scimAuthResolver: users, scimTokenStore: tokensOnly },
    options: { settingsRoutes: true },
    message: '"scimTokenStore" lacks the method getSettings and setEnabled; it must look like app.decorate(\'scimTokenStore\', { replace () { ... }, find () { ... }, getSettings () { ... }, setEnabled () { ... } }).'
  },
  {
    what: 'settingsRoutes: true and a store without setEnabled',
    decorators: { scimAuthResolver: users, scimTokenStore: { ...tokensOnly, getSettings: store.getSettings } },
    options: { settingsRoutes: true },
    message: '"scimTokenStore" lacks the method setEnabled; it must look like app.decorate(\'scimTokenStore\', { replace () { ... }, find () { ... }, getSettings () { ... }, setEnabled () { ... } }).'
  }
]

for (const { what, decorators, options, message } of cases) {
  t.test(`${what} -> boot fails and says what to decorate and how`, async (t) => {
    const error = await boot(decorators, options).catch((error: unknown) => error)
    t.equal(Object(error).message, `fastify-scim-token: ${message}`)
  })
}

t.test('a store without the settings methods and settingsRoutes: false -> boot succeeds', async (t) => {
  await t.resolves(boot({ scimAuthResolver: users, scimTokenStore: tokensOnly }))
})

for (const [name, decorators] of Object.entries({
  memoryStore: { scimAuthResolver: users, scimTokenStore: memoryStore },
  'a class of a store': { scimAuthResolver: users, scimTokenStore: class Store {} },
  'a function that makes a resolver': { scimAuthResolver: () => users, scimTokenStore: store }
})) {
  t.test(`${name} without calling it -> boot fails and says to call it`, async (t) => {
    await t.rejects(boot(decorators), { message: /lacks the method .* It is a function: call it/ })
  })
}
