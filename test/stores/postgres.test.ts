import { randomBytes, randomUUID } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import pg from 'pg'
import t, { type Test } from 'tap'
import type { ScimSettingsStore } from '../../lib/index.ts'
import { settingsConformance, storeConformance, type StoreHarness } from '../../lib/store-conformance.ts'
import { postgresMigration, postgresStore, type PostgresTables, type Queryable } from '../../lib/stores/postgres.ts'
import { startPostgres } from '../helpers/postgres.ts'
import { createStoreContext } from '../helpers/store-context.ts'

interface User { name: string }

const ada = { name: 'ada' }
const context = await createStoreContext(ada)
const createdBy = (user: User) => user.name
const newRecord = () => ({ hash: randomBytes(32).toString('hex'), createdAt: new Date() })

const server = await startPostgres()
const pool = new pg.Pool({ connectionString: server.url, max: 20 })
// The server may stop before a connection has said goodbye.
pool.on('error', () => {})
t.teardown(async () => {
  await pool.end()
  await server.stop()
})

/** Makes two tables of their own for a test, in a schema of its own. */
async function newTables (db: Queryable = pool): Promise<Required<PostgresTables>> {
  const schema = `s_${randomUUID()}`
  await db.query(`create schema "${schema}"`, [])
  const tables = { settings: `${schema}.settings`, audit: `${schema}.audit` }
  await db.query(postgresMigration(tables), [])
  return tables
}

const quoted = (table: string) => table.split('.').map((part) => pg.escapeIdentifier(part)).join('.')

async function setUp (tables: Required<PostgresTables>, tenant = 'default', db: Queryable = pool): Promise<void> {
  await db.query(`insert into ${quoted(tables.settings)} (tenant, enabled) values ($1, true)`, [tenant])
}

/** Opens a store on tables of its own, whose writes to one of them can be made to fail. */
function harness (failing: keyof PostgresTables): StoreHarness<User, ScimSettingsStore<User>> {
  const opened = new WeakMap<object, Required<PostgresTables>>()
  return {
    async open ({ settings }) {
      const tables = await newTables()
      if (settings) await setUp(tables)
      const store = postgresStore({ db: pool, createdBy, tables })
      opened.set(store, tables)
      return { store, context }
    },
    async failWrites ({ store }) {
      const table = quoted(opened.get(store)?.[failing] ?? '')
      await pool.query(`alter table ${table} add constraint full_disk check (false) not valid`)
      return async () => { await pool.query(`alter table ${table} drop constraint full_disk`) }
    }
  }
}

for (const { name, run } of [...storeConformance(harness('audit')), ...settingsConformance(harness('settings'))]) {
  t.test(name, async (t) => { await t.resolves(run()) })
}

/** Stores a record, and shows that it is found as it was stored. */
async function roundTrip (t: Test, db: Queryable): Promise<void> {
  const tables = await newTables(db)
  await setUp(tables, 'default', db)
  const store = postgresStore({ db, createdBy, tables })
  const record = newRecord()

  t.equal(await store.replace(record, context), true)
  t.strictSame(await store.find(context), record)
  await store.setEnabled(false, context)
  t.equal(await store.find(context), null)
  t.strictSame(await store.getSettings(context), { enabled: false, hasToken: true })
}

t.test('a single client will do', async (t) => {
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  await roundTrip(t, client)
  await client.end()
})

t.test('a driver that has been told to read dates as strings will do', async (t) => {
  const timestamptz = 1184
  const db = new pg.Pool({
    connectionString: server.url,
    types: { getTypeParser: (oid, format) => oid === timestamptz ? String : pg.types.getTypeParser(oid, format) }
  })
  t.type((await db.query('select now() as now')).rows[0].now, 'string')
  await roundTrip(t, db)
  await db.end()
})

t.test('every call is one statement', async (t) => {
  const statements: string[] = []
  const tables = await newTables()
  await setUp(tables)
  const db: Queryable = {
    query: (text, values) => {
      statements.push(text)
      return pool.query(text, values)
    }
  }
  const store = postgresStore({ db, createdBy, tables })
  await store.replace(newRecord(), context)
  await store.find(context)
  await store.getSettings(context)
  await store.setEnabled(true, context)
  t.equal(statements.length, 4)
  t.notMatch(statements.join(), ';')
})

t.test('the settings row tells who generated the token and when, and the audit keeps every one', async (t) => {
  const tables = await newTables()
  await setUp(tables)
  const store = postgresStore({ db: pool, createdBy, tables })
  const [first, second] = [newRecord(), newRecord()]
  await store.replace(first, context)
  await store.replace(second, { ...context, user: { name: 'grace' } })

  t.match((await pool.query(`select * from ${quoted(tables.settings)}`)).rows, [
    { tenant: 'default', enabled: true, token_hash: second.hash, token_created_at: second.createdAt, token_created_by: 'grace' }
  ])
  t.match((await pool.query(`select * from ${quoted(tables.audit)} order by id`)).rows, [
    { id: '1', tenant: 'default', token_hash: first.hash, created_by: 'ada', created_at: Date },
    { id: '2', tenant: 'default', token_hash: second.hash, created_by: 'grace', created_at: Date }
  ])
})

t.test('a token without SCIM settings leaves no trace in the audit', async (t) => {
  const tables = await newTables()
  const store = postgresStore({ db: pool, createdBy, tables })
  t.equal(await store.replace(newRecord(), context), false)
  t.strictSame((await pool.query(`select * from ${quoted(tables.audit)}`)).rows, [])
})

t.test('the role of the host needs no right to change or delete what is in the audit', async (t) => {
  const tables = await newTables()
  await setUp(tables)
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
  for (const statement of [`delete from ${audit}`, `update ${audit} set created_by = 'nobody'`, `truncate ${audit}`]) {
    await t.rejects(client.query(statement), { message: /permission denied/ }, statement)
  }
  await client.end()
})

t.test('tenants do not see each other', async (t) => {
  const tables = await newTables()
  const tenant = ({ headers }: FastifyRequest) => String(headers['x-tenant'])
  const store = postgresStore({ db: pool, createdBy, tables, tenant })
  const north = await createStoreContext(ada, { 'x-tenant': 'north' })
  const south = await createStoreContext(ada, { 'x-tenant': 'south' })
  await setUp(tables, 'north')
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

t.test('the database takes nothing but a hash for a hash', async (t) => {
  const tables = await newTables()
  await setUp(tables)
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
  'with quotes and all that ends a statement': { settings: 'x"; drop table y; --', audit: "x'; $1 /*" },
  'that are words of SQL': { settings: 'table', audit: 'select' },
  'by default': {}
}

for (const [what, tables] of Object.entries<PostgresTables>(oddNames)) {
  t.test(`tables may have names ${what}`, async (t) => {
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

t.test('the migration may run again: it keeps what is stored', async (t) => {
  const tables = await newTables()
  await setUp(tables)
  const store = postgresStore({ db: pool, createdBy, tables })
  const record = newRecord()
  await store.replace(record, context)

  await pool.query(postgresMigration(tables))
  t.strictSame(await store.find(context), record)
})

t.test('the migration may run on five nodes at once', async (t) => {
  for (let round = 0; round < 5; round++) {
    const tables = { settings: `settings ${round}`, audit: `audit ${round}` }
    const clients = Array.from({ length: 5 }, () => new pg.Client({ connectionString: server.url }))
    await Promise.all(clients.map((client) => client.connect()))
    await t.resolves(Promise.all(clients.map((client) => client.query(postgresMigration(tables)))))
    await Promise.all(clients.map((client) => client.end()))
  }
})
