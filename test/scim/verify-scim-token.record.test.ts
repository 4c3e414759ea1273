import t from 'tap'
import type { ScimTokenRecord } from '../../lib/index.ts'
import { hashToken, generateToken } from '../../lib/token.ts'
import { memoryStore } from '../../lib/stores/memory.ts'
import { createStoreContext } from '../helpers/store-context.ts'
import { accepted, schemeNotBearer, storeUnavailable } from '../helpers/scim-responses.ts'
import { addScimRoutes, startScimHost } from '../helpers/scim-host.ts'

const token = generateToken()
const hash = hashToken(token)
const right = `Bearer ${token}`

const unusable: Record<string, [record: any, got: string]> = {
  'without createdAt': [{ hash }, 'undefined'],
  'with null for createdAt': [{ hash, createdAt: null }, 'null'],
  'with a string for createdAt': [{ hash, createdAt: new Date().toISOString() }, 'string'],
  'with a number for createdAt': [{ hash, createdAt: Date.now() }, 'number'],
  'with an invalid Date': [{ hash, createdAt: new Date('never') }, 'an invalid Date'],
  'with an object that looks like a Date': [{ hash, createdAt: { getTime: () => 0 } }, 'object']
}

for (const [what, [record, got]] of Object.entries(unusable)) {
  t.test(`find() returns a record ${what} -> 503, and the log names the fault`, async (t) => {
    const { send, log } = await startScimHost(t, { find: () => record })
    t.strictSame(await send(right), storeUnavailable)
    const errors = log.filter(({ level }) => level === 50)
    t.equal(errors.length, 1)
    t.ok(errors[0]?.err?.stack.includes(`scimTokenStore.find must return a record whose "createdAt" is a valid Date, got ${got}\n`))
  })
}

for (const record of [null, undefined]) {
  t.test(`find() returns ${record} -> 401, and the log says that there is no record`, async (t) => {
    const { send, log } = await startScimHost(t, { find: () => record })
    t.equal((await send(right)).status, 401)
    t.match(log.filter(({ err }) => err), [{ err: { message: /the store returned no record: SCIM is disabled, or no token was generated$/ } }])
  })
}

for (const [what, credentials, logged] of [
  ['another token', `Bearer ${generateToken()}`, /the hash is not the stored one: the token was replaced, or is of another tenant or server$/],
  ['a truncated token', right.slice(0, -1), /the format or the checksum is not that of a token$/]
] as const) {
  t.test(`${what} -> the log says why it is rejected`, async (t) => {
    const { send, log } = await startScimHost(t, { find: () => ({ hash, createdAt: new Date() }) })
    t.equal((await send(credentials)).status, 401)
    t.match(log.filter(({ err }) => err), [{ err: { message: logged } }])
  })
}

t.test('a hook of the host makes the Authorization header an array -> 401 with the SCIM body', async (t) => {
  const { app, finds } = await startScimHost(t, {
    find: () => ({ hash, createdAt: new Date() }),
    async routes (app) {
      app.addHook('onRequest', async (request) => { Object.assign(request.raw.headers, { authorization: [right] }) })
      await addScimRoutes(app)
    }
  })
  const { statusCode, headers, body } = await app.inject({ url: '/scim/Users' })
  t.strictSame([statusCode, headers['content-type'], headers['www-authenticate'], body], [401, schemeNotBearer.type, schemeNotBearer.challenge, schemeNotBearer.body])
  t.equal(finds(), 0)
})

t.test('a handler changes request.scimToken -> it throws, and the record of the store is unchanged', async (t) => {
  const record: ScimTokenRecord = { hash, createdAt: new Date() }
  const before = record.createdAt.getTime()
  const { app, send } = await startScimHost(t, {
    find: () => record,
    async routes (app) {
      await addScimRoutes(app)
      app.get('/scim/redact', async ({ scimToken }) => { Object(scimToken).hash = 'redacted' })
      app.get('/scim/age', async ({ scimToken }) => { scimToken?.createdAt.setTime(0) })
    }
  })
  t.equal((await app.inject({ url: '/scim/redact', headers: { authorization: right } })).statusCode, 500)
  t.equal((await app.inject({ url: '/scim/age', headers: { authorization: right } })).statusCode, 200)
  t.strictSame(record, { hash, createdAt: new Date(before) })
  t.notOk(Object.isFrozen(record))
  t.strictSame(await send(right), accepted)
})

t.test('a caller of memoryStore changes a record that it passed or got -> the store keeps its own', async (t) => {
  const context = await createStoreContext({})
  const store = memoryStore()
  const passed = { hash, createdAt: new Date(1000) }
  await store.replace(passed, context)
  passed.hash = ''
  passed.createdAt.setTime(0)
  const got = await store.find(context)
  Object.assign(Object(got), { hash: '' })
  got?.createdAt.setTime(0)
  t.strictSame(await store.find(context), { hash, createdAt: new Date(1000) })
})
