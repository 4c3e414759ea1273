import type { FastifyRequest } from 'fastify'
import t from 'tap'
import { postgresMigration, postgresStore, type Queryable } from '../../lib/stores/postgres.ts'
import { memoryStore } from '../../lib/stores/memory.ts'
import { createStoreContext } from '../helpers/store-context.ts'

/** Records the statements that it gets; none is expected. */
function recordingDb (): Queryable & { statements: string[] } {
  const statements: string[] = []
  return { statements, async query (text) { statements.push(text); return { rows: [] } } }
}

const db = recordingDb()
const createdBy = () => 'admin'
const knex = () => {}
const drizzle = { select: () => {}, execute: () => {}, $client: db }

const unusable: [what: string, args: any[], message: string][] = [
  ['no arguments', [], 'postgresStore: the options must be an object, such as { db, createdBy }, got undefined.'],
  ['null', [null], 'postgresStore: the options must be an object, such as { db, createdBy }, got null.'],
  ['a pool instead of options', [{ query: db.query }], 'postgresStore: the option "query" does not exist; the options are db, preparedStatements, createdBy, tenant, tables. Pass a pool or a client as { db, createdBy }.'],
  ['no db', [{ createdBy }], 'postgresStore: the option "db" must be an object with the method query (text, values), such as a Pool of pg, got undefined.'],
  ['null as db', [{ db: null, createdBy }], 'postgresStore: the option "db" must be an object with the method query (text, values), such as a Pool of pg, got null.'],
  ['a URL as db', [{ db: 'postgres://localhost/db', createdBy }], 'postgresStore: the option "db" must be an object with the method query (text, values), such as a Pool of pg, got string.'],
  ['a Knex object as db', [{ db: knex, createdBy }], 'postgresStore: the option "db" must be an object with the method query (text, values), such as a Pool of pg, got function.'],
  ['a Drizzle object as db', [{ db: drizzle, createdBy }], 'postgresStore: the option "db" must be an object with the method query (text, values), such as a Pool of pg, got object.'],
  ['a name as preparedStatements', [{ db, createdBy, preparedStatements: 'scim' }], 'postgresStore: the option "preparedStatements" must be true or false, got string.'],
  ['no createdBy', [{ db }], 'postgresStore: the option "createdBy" must be a function that returns the name of a user, got undefined.'],
  ['a name as createdBy', [{ db, createdBy: 'admin' }], 'postgresStore: the option "createdBy" must be a function that returns the name of a user, got string.'],
  ['tenants instead of tenant', [{ db, createdBy, tenants: () => 'a' }], 'postgresStore: the option "tenants" does not exist; the options are db, preparedStatements, createdBy, tenant, tables.'],
  ['a name as tenant', [{ db, createdBy, tenant: 'a' }], 'postgresStore: the option "tenant" must be a function that returns the tenant of a request, got string.'],
  ['table instead of tables', [{ db, createdBy, table: {} }], 'postgresStore: the option "table" does not exist; the options are db, preparedStatements, createdBy, tenant, tables.'],
  ['a name as tables', [{ db, createdBy, tables: 'scim' }], 'postgresStore: the option "tables" must be an object of table names, such as { settings: \'scim_settings\' }, got string.'],
  ['null as tables', [{ db, createdBy, tables: null }], 'postgresStore: the option "tables" must be an object of table names, such as { settings: \'scim_settings\' }, got null.'],
  ['an unknown table', [{ db, createdBy, tables: { setting: 'scim' } }], 'postgresStore: the option "setting" of "tables" does not exist; the options are settings, audit.'],
  ['an empty table name', [{ db, createdBy, tables: { settings: '' } }], 'postgresStore: the option "settings" of "tables" must look like "table" or "schema.table", got an empty string.'],
  ['a schema without a table', [{ db, createdBy, tables: { settings: 'public.' } }], 'postgresStore: the option "settings" of "tables" must look like "table" or "schema.table", got string.'],
  ['a database, a schema and a table', [{ db, createdBy, tables: { settings: 'unleash.public.scim' } }], 'postgresStore: the option "settings" of "tables" must look like "table" or "schema.table", got string.'],
  ['a number as table name', [{ db, createdBy, tables: { audit: 1 } }], 'postgresStore: the option "audit" of "tables" must look like "table" or "schema.table", got number.']
]

for (const [what, args, message] of unusable) {
  t.test(`postgresStore() gets ${what} -> it throws and says what it must be`, async (t) => {
    const error = t.throws(() => Reflect.apply(postgresStore, undefined, args), { code: /^FST_SCIM_TOKEN_(UNKNOWN|INVALID)_OPTION$/ })
    t.equal(Object(error).message, message)
    t.strictSame(db.statements, [])
  })
}

t.test('postgresMigration() gets tables that do not exist -> it throws and says what they must be', async (t) => {
  const error = t.throws(() => postgresMigration(JSON.parse('{"setting": "scim"}')))
  t.equal(Object(error).message, 'postgresMigration: the option "setting" of "tables" does not exist; the options are settings, audit.')
})

t.test('memoryStore() gets an unknown option -> it throws and lists the options', async (t) => {
  t.throws(() => memoryStore(JSON.parse('{"setting": false}')), { message: /^memoryStore: the option "setting" does not exist; the options are configured\.$/ })
})

function revokedProxy () {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

const unusableMemory: [what: string, options: any, got: string][] = [
  ['null', null, 'the options must be an object, such as { configured: false }, got null.'],
  ['a number for a boolean', { configured: 1 }, 'the option "configured" must be true or false, got number.'],
  ['null for a boolean', { configured: null }, 'the option "configured" must be true or false, got null.'],
  ['a revoked Proxy for a boolean', { configured: revokedProxy() }, 'the option "configured" must be true or false, got a Proxy.']
]
for (const [what, options, message] of unusableMemory) {
  t.test(`memoryStore() gets ${what} -> it throws and says what it must be`, async (t) => {
    t.throws(() => memoryStore(options), { code: 'FST_SCIM_TOKEN_INVALID_OPTION', message: `memoryStore: ${message}` })
  })
}

t.test('options that are undefined -> their defaults', async (t) => {
  t.doesNotThrow(() => postgresStore({ db, createdBy, preparedStatements: undefined, tenant: undefined, tables: undefined }))
  t.doesNotThrow(() => postgresStore({ db, createdBy, tables: { settings: undefined, audit: undefined } }))
  t.doesNotThrow(() => memoryStore({ configured: undefined }))
})

const wrongTenants: [what: string, tenant: any, got: string][] = [
  ['a promise', async () => 'a', 'object'],
  ['a promise that rejects, which ends no process', async () => { throw new Error('no tenant') }, 'object'],
  ['an empty string', () => '', 'an empty string'],
  ['undefined', () => undefined, 'undefined'],
  ['null', () => null, 'null'],
  ['an object', () => ({ name: 'a' }), 'object'],
  ['a number', () => 1, 'number'],
  ['an array', () => ['a'], 'an array']
]

for (const [what, tenant, got] of wrongTenants) {
  t.test(`tenant returns ${what} -> every method rejects before a statement is sent`, async (t) => {
    const db = recordingDb()
    const context = await createStoreContext({})
    const store = postgresStore({ db, createdBy, tenant: tenant as (request: FastifyRequest) => string })
    const message = `postgresStore: "tenant" must return a non-empty string, got ${got}.`
    await t.rejects(async () => await store.replace({ hash: '', createdAt: new Date() }, context), { message })
    await t.rejects(async () => await store.find(context), { message })
    await t.rejects(async () => await store.getSettings(context), { message })
    await t.rejects(async () => await store.setEnabled(true, context), { message })
    t.strictSame(db.statements, [])
  })
}

for (const [what, name] of [['undefined', undefined], ['an empty string', ''], ['a promise', Promise.resolve('admin')]] as const) {
  t.test(`createdBy returns ${what} -> replace() rejects before a statement is sent`, async (t) => {
    const db = recordingDb()
    const store = postgresStore({ db, createdBy: Object(() => name) })
    await t.rejects(async () => await store.replace({ hash: '', createdAt: new Date() }, await createStoreContext({})), { message: /^postgresStore: "createdBy" must return a non-empty string, got / })
    t.strictSame(db.statements, [])
  })
}

t.test('the options of a store are changed later -> it keeps its own', async (t) => {
  const [own, other] = [recordingDb(), recordingDb()]
  const options = { db: own, createdBy }
  const store = postgresStore(options)
  options.db = other
  await store.find(await createStoreContext({}))
  t.equal(own.statements.length, 1)
  t.strictSame(other.statements, [])
})

class Pool {
  _events = {}
  query () {}
}

t.test('postgresStore() gets a pool of a class -> it says how to pass it', async (t) => {
  for (const pool of [new Pool(), { query: db.query }]) {
    t.throws(() => postgresStore(Object(pool)), { message: /Pass a pool or a client as \{ db, createdBy \}\.$/ })
  }
})

t.test('tables, options or both are a Map, a Set or an array -> an error, and not the defaults', async (t) => {
  for (const value of [new Map([['settings', 'a']]), new Set(), ['a']]) {
    t.throws(() => postgresStore({ db, createdBy, tables: Object(value) }), { message: /the option "tables" must be an object of table names/ })
    t.throws(() => postgresMigration(Object(value)), { message: /the option "tables" must be an object of table names/ })
    t.throws(() => postgresMigration(undefined, Object(value)), { message: /the options must be an object, such as \{ lockTimeout: 500 \}/ })
    t.throws(() => postgresStore(Object(value)), { message: /the options must be an object/ })
    t.throws(() => memoryStore(Object(value)), { message: /the options must be an object/ })
  }
})

t.test('postgresMigration() gets the options of the store -> it says to pass the names themselves', async (t) => {
  t.throws(() => postgresMigration(Object({ tables: { settings: 'a' } })), { message: /does not exist; .* Pass the names themselves, without \{ tables \} around them\./ })
  t.throws(() => postgresMigration(Object({ db, createdBy, tables: { settings: 'a' } })), { message: /Pass the names themselves/ })
})
