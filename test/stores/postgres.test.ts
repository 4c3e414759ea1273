import { randomBytes, randomUUID } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import pg from 'pg'
import t, { type Test } from 'tap'
import type { ScimSettingsStore } from '../../lib/index.ts'
import { settingsConformance, storeConformance, type StoreHarness } from '../../lib/stores/conformance.ts'
import { postgresMigration, postgresStore, type PostgresTables, type Queryable } from '../../lib/stores/postgres.ts'
import { holdable, type HoldableQueryable } from '../helpers/hold-statements.ts'
import { startPostgres } from '../helpers/postgres.ts'
import { createStoreContext } from '../helpers/store-context.ts'

interface User { name: string }
type TableNames = Record<keyof PostgresTables, string>

const ada = { name: 'ada' }
const context = await createStoreContext(ada)
const createdBy = (user: User) => user.name
const newRecord = () => ({ hash: randomBytes(32).toString('hex'), createdAt: new Date() })

const server = await startPostgres()
const pool = new pg.Pool({ connectionString: server.url, max: 20 })
// The server may stop before the pool has closed its connections.
pool.on('error', () => {})
t.teardown(async () => {
  await pool.end()
  await server.stop()
})

/** Creates the tables for a test in a new schema. */
async function createTables (db: Queryable = pool): Promise<TableNames> {
  const schema = `s_${randomUUID()}`
  await db.query(`create schema "${schema}"`, [])
  const tables = { settings: `${schema}.settings`, audit: `${schema}.audit` }
  await db.query(postgresMigration(tables), [])
  return tables
}

const quoted = (table: string) => table.split('.').map((part) => pg.escapeIdentifier(part)).join('.')

async function insertSettings (tables: TableNames, tenant = 'default', db: Queryable = pool): Promise<void> {
  await db.query(`insert into ${quoted(tables.settings)} (tenant, enabled) values ($1, true)`, [tenant])
}

/** Opens stores on new tables. `failWrites` makes writes to one of the tables fail. */
function harness (failing: keyof PostgresTables): StoreHarness<User, ScimSettingsStore<User>> {
  const opened = new WeakMap<object, { tables: TableNames, db: HoldableQueryable }>()
  const get = (store: object) => {
    const found = opened.get(store)
    if (found === undefined) throw new Error('a store that was not opened here')
    return found
  }
  return {
    async open ({ configured }) {
      const tables = await createTables()
      if (configured) await insertSettings(tables)
      const db = holdable(pool)
      const store = postgresStore({ db, createdBy, tables })
      opened.set(store, { tables, db })
      return { store, other: postgresStore({ db: pool, createdBy, tables }), context }
    },
    async failWrites ({ store }) {
      const table = quoted(get(store).tables[failing])
      await pool.query(`alter table ${table} add constraint full_disk check (false) not valid`)
      return async () => { await pool.query(`alter table ${table} drop constraint full_disk`) }
    },
    holdWrite: ({ store }, statement) => get(store).db.hold(statement === 'first' ? 1 : 2)
  }
}

for (const failing of ['settings', 'audit'] as const) {
  for (const { name, run } of [...storeConformance(harness(failing)), ...settingsConformance(harness(failing))]) {
    t.test(`${name} (writes to the ${failing} table fail)`, async (t) => { await t.resolves(run()) })
  }
}

/** Checks all methods of a store on this connection. */
async function checkStore (t: Test, db: Queryable): Promise<void> {
  const tables = await createTables(db)
  await insertSettings(tables, 'default', db)
  const store = postgresStore({ db, createdBy, tables })
  const record = newRecord()

  t.equal(await store.replace(record, context), true)
  t.strictSame(await store.find(context), record)
  await store.setEnabled(false, context)
  t.equal(await store.find(context), null)
  t.strictSame(await store.getSettings(context), { enabled: false, hasToken: true })
}

t.test('db is a single client -> all methods work', async (t) => {
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  await checkStore(t, client)
  await client.end()
})

t.test('db returns dates as strings -> all methods work', async (t) => {
  const timestamptz = 1184
  const db = new pg.Pool({
    connectionString: server.url,
    types: { getTypeParser: (oid, format) => oid === timestamptz ? String : pg.types.getTypeParser(oid, format) }
  })
  t.type((await db.query('select now() as now')).rows[0].now, 'string')
  await checkStore(t, db)
  await db.end()
})

t.test('reads -> one SQL statement, writes -> two', async (t) => {
  const tables = await createTables()
  await insertSettings(tables)
  let statements: string[] = []
  const db: Queryable = {
    query: (text, values) => {
      statements.push(text)
      return pool.query(text, values)
    }
  }
  const store = postgresStore({ db, createdBy, tables })
  const count = async (call: () => unknown) => {
    statements = []
    await call()
    t.notMatch(statements.join(), ';')
    return statements.length
  }
  t.equal(await count(() => store.find(context)), 1)
  t.equal(await count(() => store.getSettings(context)), 1)
  t.equal(await count(() => store.replace(newRecord(), context)), 2)
  t.equal(await count(() => store.setEnabled(true, context)), 2)
})

t.test('two tokens are generated -> the settings row names who generated the last one and when, the audit has both', async (t) => {
  const tables = await createTables()
  await insertSettings(tables)
  const store = postgresStore({ db: pool, createdBy, tables })
  const [first, second] = [newRecord(), newRecord()]
  await store.replace(first, context)
  await store.replace(second, { ...context, user: { name: 'grace' } })

  t.match((await pool.query(`select * from ${quoted(tables.settings)}`)).rows, [
    { tenant: 'default', enabled: true, token_hash: second.hash, token_created_at: second.createdAt, token_created_by: 'grace' }
  ])
  t.match((await pool.query(`select * from ${quoted(tables.audit)} order by id`)).rows, [
    { tenant: 'default', token_hash: first.hash, created_by: 'ada', created_at: Date },
    { tenant: 'default', token_hash: second.hash, created_by: 'grace', created_at: Date }
  ])
})

t.test('replace() without SCIM settings -> no audit row', async (t) => {
  const tables = await createTables()
  const store = postgresStore({ db: pool, createdBy, tables })
  t.equal(await store.replace(newRecord(), context), false)
  t.strictSame((await pool.query(`select * from ${quoted(tables.audit)}`)).rows, [])
})

t.test('a role without update and delete privileges on the audit -> all writes work, the audit cannot be changed', async (t) => {
  const tables = await createTables()
  await insertSettings(tables)
  const [settings, audit] = [quoted(tables.settings), quoted(tables.audit)]
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  await client.query(`
    create role scim_host;
    grant usage on schema ${settings.split('.')[0]} to scim_host;
    grant select, insert, update on ${settings} to scim_host;
    grant select, insert on ${audit} to scim_host;
    set role scim_host`)
  const store = postgresStore({ db: client, createdBy, tables })

  t.equal(await store.replace(newRecord(), context), true)
  await store.setEnabled(false, context)
  for (const statement of [`delete from ${audit}`, `update ${audit} set created_by = 'someone else'`, `truncate ${audit}`]) {
    await t.rejects(client.query(statement), { message: /permission denied/ }, statement)
  }
  await client.end()
})

t.test('writes of one tenant -> no effect on another tenant', async (t) => {
  const tables = await createTables()
  const tenant = ({ headers }: FastifyRequest) => String(headers['x-tenant'])
  const store = postgresStore({ db: pool, createdBy, tables, tenant })
  const north = await createStoreContext(ada, { 'x-tenant': 'north' })
  const south = await createStoreContext(ada, { 'x-tenant': 'south' })
  await insertSettings(tables, 'north')
  const record = newRecord()

  t.equal(await store.replace(newRecord(), south), false)
  t.equal(await store.replace(record, north), true)
  t.equal(await store.find(south), null)

  await store.setEnabled(true, south)
  t.equal(await store.replace(newRecord(), south), true)
  t.strictSame(await store.find(north), record)

  await store.setEnabled(false, south)
  t.strictSame(await store.find(north), record)
  t.strictSame(await store.getSettings(north), { enabled: true, hasToken: true })
})

t.test('a value that is not a hash -> the database rejects the write', async (t) => {
  const tables = await createTables()
  await insertSettings(tables)
  const store = postgresStore({ db: pool, createdBy, tables })
  const record = newRecord()
  await store.replace(record, context)
  for (const hash of [`scim_${'a'.repeat(49)}`, '', record.hash.toUpperCase(), record.hash.slice(1)]) {
    await t.rejects(async () => await store.replace({ ...record, hash }, context), { message: /violates check constraint/ })
  }
  t.strictSame(await store.find(context), record)
})

const oddNames = {
  'in another schema': { settings: 'Odd schema.settings', audit: 'Odd schema.audit' },
  'with capitals, spaces and umlauts': { settings: 'SCIM Einträge', audit: 'SCIM Prüfung' },
  'with quotes and statement terminators': { settings: 'x"; drop table y; --', audit: "x'; $1 /*" },
  'that are SQL keywords': { settings: 'table', audit: 'select' },
  'by default': {}
}

for (const [what, tables] of Object.entries<Partial<TableNames>>(oddNames)) {
  t.test(`table names ${what} -> the store works`, async (t) => {
    await pool.query('create schema if not exists "Odd schema"')
    await pool.query(postgresMigration(tables))
    const store = postgresStore({ db: pool, createdBy, tables })
    await store.setEnabled(true, context)
    const record = newRecord()
    t.equal(await store.replace(record, context), true)
    t.strictSame(await store.find(context), record)

    const names = Object.values({ settings: 'scim_settings', audit: 'scim_token_audit', ...tables }).map((name) => name.replace('Odd schema.', ''))
    const { rows } = await pool.query("select from pg_tables where tablename = any ($1) and schemaname in ('public', 'Odd schema')", [names])
    t.equal(rows.length, 2)
  })
}

t.test('the migration runs again -> stored data is kept', async (t) => {
  const tables = await createTables()
  await insertSettings(tables)
  const store = postgresStore({ db: pool, createdBy, tables })
  const record = newRecord()
  await store.replace(record, context)

  await pool.query(postgresMigration(tables))
  t.strictSame(await store.find(context), record)
})

t.test('the migration runs on five nodes concurrently -> all succeed', async (t) => {
  for (let round = 0; round < 5; round++) {
    const tables = { settings: `settings ${round}`, audit: `audit ${round}` }
    const clients = Array.from({ length: 5 }, () => new pg.Client({ connectionString: server.url }))
    await Promise.all(clients.map((client) => client.connect()))
    await t.resolves(Promise.all(clients.map((client) => client.query(postgresMigration(tables)))))
    await Promise.all(clients.map((client) => client.end()))
  }
})

const found = { hash: 'a'.repeat(64), created: '0', fence: '1', enabled: true, token: true }
const upperCase = Object.fromEntries(Object.entries(found).map(([name, value]) => [name.toUpperCase(), value]))

/** What other drivers resolve to, and what the error says that it got. */
const otherResults: Record<string, { result: unknown, got: string }> = {
  'the rows alone': { result: [found], got: 'an array' },
  'rows and their count': { result: [[found], 1], got: 'an array' },
  nothing: { result: undefined, got: 'undefined' },
  'the count alone': { result: { rowCount: 1 }, got: 'object' },
  'rows that are not an array': { result: { rows: found }, got: '{ rows } with object' },
  'rows as arrays': { result: { rows: [Object.values(found)] }, got: 'an array without ' },
  'upper-case columns': { result: { rows: [upperCase] }, got: 'object without ' },
  'a row that is null': { result: { rows: [null] }, got: 'null without ' }
}

for (const [what, { result, got }] of Object.entries(otherResults)) {
  t.test(`db.query resolves to ${what} -> one statement, and an error that says what it must resolve to`, async (t) => {
    let statements = 0
    const db = {
      async query () {
        statements++
        return result
      }
    } as unknown as Queryable
    const store = postgresStore({ db, createdBy })
    for (const [columns, call] of [
      ['hash and created', () => store.find(context)],
      ['enabled and token', () => store.getSettings(context)],
      ['fence', () => store.replace(newRecord(), context)],
      ['fence', () => store.setEnabled(true, context)]
    ] as const) {
      statements = 0
      const error = await Promise.resolve(call()).then(() => '', (error: Error) => error.message)
      t.ok(error.startsWith('postgresStore: db.query must resolve to { rows }'), error)
      t.ok(error.includes(got.endsWith('without ') ? `with the columns ${columns}, got ${got}` : `got ${got}`), error)
      t.equal(statements, 1)
    }
  })
}

t.test('createdBy uses the request -> the settings row and each audit row have what it returns', async (t) => {
  const tables = await createTables()
  await insertSettings(tables)
  const store = postgresStore<User>({ db: pool, createdBy: ({ name }, { id, ip }) => `${name} from ${ip}, request ${id}`, tables })
  await store.replace(newRecord(), context)
  await store.setEnabled(false, context)
  const createdBy = 'ada from 127.0.0.1, request req-1'
  t.match((await pool.query(`select token_created_by from ${quoted(tables.settings)}`)).rows, [{ token_created_by: createdBy }])
  t.match((await pool.query(`select created_by from ${quoted(tables.audit)}`)).rows, [{ created_by: createdBy }, { created_by: createdBy }])
})
