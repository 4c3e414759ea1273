import { hash } from 'node:crypto'
import t from 'tap'
import type { ScimAdminContext } from '../../lib/index.ts'
import { memoryStore } from '../../lib/stores/memory.ts'
import { admin, generate, startHost, users } from '../helpers/host.ts'
import { createStoreContext } from '../helpers/store-context.ts'

t.test('ten calls -> ten different tokens, the last one is stored', async (t) => {
  const store = memoryStore()
  const { app } = await startHost(t, { store })
  const tokens: string[] = []
  for (let i = 0; i < 10; i++) tokens.push((await generate(app)).json().token)

  t.equal(new Set(tokens).size, 10)
  t.match(await store.find(await createStoreContext({})), { hash: hash('sha256', tokens.at(-1) ?? '') })
})

t.test('a token is generated -> replace() gets a hash and a date, never the token', async (t) => {
  const before = Date.now()
  const { app, replaced } = await startHost(t)
  const { token } = (await generate(app)).json()

  const [record] = replaced
  t.strictSame(Object.keys(record ?? {}), ['hash', 'createdAt'])
  t.ok(record && record.createdAt.getTime() >= before && record.createdAt.getTime() <= Date.now())
  t.notMatch(JSON.stringify(replaced), token)
})

t.test('a token is generated -> replace() gets the request and the user from authenticate()', async (t) => {
  const user = { name: 'someone' }
  const contexts: ScimAdminContext[] = []
  const { app } = await startHost(t, {
    resolver: { authenticate: () => user, authorize: () => true },
    store: { ...memoryStore(), replace: (_record, context) => { contexts.push(context); return true } }
  })
  await generate(app, { 'x-tenant': 'north' })

  t.match(contexts, [{ request: { headers: { 'x-tenant': 'north' } } }])
  t.equal(contexts[0]?.user, user)
})

t.test('50 concurrent calls, authenticated or not -> each gets its own response', async (t) => {
  const { app, replaced } = await startHost(t, {
    resolver: { ...users, authenticate: async (request) => users.authenticate(request) }
  })
  const responses = await Promise.all(Array.from({ length: 50 }, async (_, i) => await generate(app, i % 2 === 0 ? admin : {})))

  t.strictSame(responses.map(({ statusCode }) => statusCode), Array.from({ length: 50 }, (_, i) => i % 2 === 0 ? 200 : 401))
  const tokens = responses.filter(({ statusCode }) => statusCode === 200).map((response) => hash('sha256', response.json().token))
  t.strictSame(new Set(tokens), new Set(replaced.map((record) => record.hash)))
})

t.test('another method than POST -> 404', async (t) => {
  const { app } = await startHost(t)
  for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS'] as const) {
    t.equal((await app.inject({ method, url: '/api/admin/scim-settings/generate-new-token', headers: admin })).statusCode, 404, method)
  }
})
