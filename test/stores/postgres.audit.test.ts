import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import t from 'tap'
import { postgresMigration, postgresStore, type Queryable } from '../../lib/stores/postgres.ts'
import { earlierVersions } from '../helpers/earlier-versions.ts'
import { freePort } from '../helpers/free-port.ts'
import { holdable } from '../helpers/hold-statements.ts'
import { initialisePostgres } from '../helpers/postgres.ts'
import { createStoreContext } from '../helpers/store-context.ts'

const data = await initialisePostgres()
const port = await freePort()
const server = await data.start(['-p', String(port), '-h', '127.0.0.1', '-k', '', '-c', 'wal_level=logical'])
t.teardown(async () => {
  const exited = once(server, 'exit')
  server.kill('SIGINT')
  await exited
  await data.remove()
})

async function newDatabase (name: string): Promise<pg.Client> {
  const superuser = new pg.Client({ host: '127.0.0.1', port, user: 'postgres' })
  await superuser.connect()
  await superuser.query(`create database ${name}`)
  await superuser.end()
  const db = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: name })
  await db.connect()
  t.teardown(() => db.end())
  return db
}

const record = (digit: string) => ({ hash: digit.repeat(64), createdAt: new Date() })
const context = await createStoreContext({})
const earlier = earlierVersions['with two fences']

/** Copies both tables by logical replication, and ends it, as before the subscriber takes over. */
async function replicate (from: { db: pg.Client, name: string }, to: pg.Client): Promise<void> {
  const isCopied = async () => (await to.query("select from pg_subscription_rel where srsubstate = 'r'")).rows.length === 2
  await from.db.query('create publication scim for table scim_settings, scim_token_audit')
  await from.db.query("select pg_create_logical_replication_slot($1, 'pgoutput')", [from.name])
  await to.query(`
    create subscription ${from.name} connection 'host=127.0.0.1 port=${port} user=postgres dbname=${from.name}' publication scim
    with (create_slot = false)`)
  while (!await isCopied()) await delay(20)
  await to.query(`alter subscription ${from.name} disable`)
  await to.query(`alter subscription ${from.name} set (slot_name = none); drop subscription ${from.name}`)
  while ((await from.db.query('select from pg_replication_slots where slot_name = $1 and active', [from.name])).rows.length > 0) await delay(20)
  await from.db.query('select pg_drop_replication_slot($1)', [from.name])
}

/** Copies the rows of both tables. */
async function importTables (from: pg.Client, to: pg.Client): Promise<void> {
  for (const table of ['scim_settings', 'scim_token_audit']) {
    const { rows: [{ rows }] } = await from.query(`select json_agg(row)::text as rows from ${table} row`)
    await to.query(`insert into ${table} select * from json_populate_recordset(null::${table}, $1)`, [rows])
  }
}

t.test('a subscriber of the tables of an earlier version is promoted and migrated -> SCIM is disabled, enabled and a token generated', async (t) => {
  const [publisher, subscriber] = [await newDatabase('publisher_1'), await newDatabase('subscriber_1')]
  for (const db of [publisher, subscriber]) await db.query(earlier.migration)
  await publisher.query("insert into scim_settings (tenant, enabled) values ('default', true)")
  for (const digit of ['a', 'b', 'c']) await earlier.createStore(publisher).replace(record(digit), context)
  await replicate({ db: publisher, name: 'publisher_1' }, subscriber)
  await t.rejects(async () => await earlier.createStore(subscriber).setEnabled(false, context), { message: /duplicate key value violates unique constraint/ }, 'the identity is behind')

  await subscriber.query(postgresMigration())
  const store = postgresStore({ db: subscriber, createdBy: () => 'ada' })
  await store.setEnabled(false, context)
  t.equal(await store.find(context), null)
  await store.setEnabled(true, context)
  t.equal(await store.replace(record('d'), context), true)
  t.match(await store.find(context), { hash: 'd'.repeat(64) })
  const { rows } = await subscriber.query('select token_hash as hash, enabled from scim_token_audit order by id')
  t.strictSame(rows.map(({ hash, enabled }) => hash?.[0] ?? enabled), ['a', 'b', 'c', false, true, 'd'])
})

t.test('a subscriber is promoted -> SCIM is disabled, enabled and a token generated', async (t) => {
  const [publisher, subscriber] = [await newDatabase('publisher_2'), await newDatabase('subscriber_2')]
  for (const db of [publisher, subscriber]) await db.query(postgresMigration())
  const before = postgresStore({ db: publisher, createdBy: () => 'ada' })
  await before.setEnabled(true, context)
  for (const digit of ['a', 'b', 'c']) await before.replace(record(digit), context)
  await replicate({ db: publisher, name: 'publisher_2' }, subscriber)

  const store = postgresStore({ db: subscriber, createdBy: () => 'ada' })
  await store.setEnabled(false, context)
  await store.setEnabled(true, context)
  t.equal(await store.replace(record('d'), context), true)
  const { rows } = await subscriber.query('select token_hash as hash, enabled from scim_token_audit order by id')
  t.strictSame(rows.map(({ hash, enabled }) => hash?.[0] ?? enabled), [true, 'a', 'b', 'c', false, true, 'd'])
})

t.test('a tenant is imported from another database -> its audit goes on where it was, and both tenants are disabled and get tokens', async (t) => {
  const [from, to] = [await newDatabase('exported'), await newDatabase('imported')]
  for (const [db, tenant] of [[from, 'acme'], [to, 'globex']] as const) {
    await db.query(postgresMigration())
    const store = postgresStore({ db, createdBy: () => 'ada', tenant: () => tenant })
    await store.setEnabled(true, context)
    await store.replace(record('a'), context)
  }
  await importTables(from, to)
  for (const tenant of ['acme', 'globex']) {
    const store = postgresStore({ db: to, createdBy: () => 'ada', tenant: () => tenant })
    await store.setEnabled(false, context)
    await store.setEnabled(true, context)
    t.equal(await store.replace(record('b'), context), true)
    const { rows } = await to.query('select token_hash as hash, enabled from scim_token_audit where tenant = $1 order by id', [tenant])
    t.strictSame(rows.map(({ hash, enabled }) => hash?.[0] ?? enabled), [true, 'a', false, true, 'b'])
  }
})

/** Restores the settings row from before the last writes, with numbers ahead of the clock: the next ones are in the audit already. */
async function restoreAheadOfClock (db: pg.Client, tenant: string): Promise<void> {
  await db.query('update scim_settings set fence = fence + 86400000000, written = written + 86400000000 where tenant = $1', [tenant])
  const { rows: [{ copy }] } = await db.query('select to_jsonb(scim_settings) as copy from scim_settings where tenant = $1', [tenant])
  const store = postgresStore({ db, createdBy: () => 'ada', tenant: () => tenant })
  for (const digit of ['d', 'e', 'f']) await store.replace(record(digit), context)
  await db.query('delete from scim_settings where tenant = $1', [tenant])
  await db.query('insert into scim_settings select * from jsonb_populate_record(null::scim_settings, $1)', [copy])
}

for (const [how, tenant, copyTables] of [
  ['a subscriber is promoted', 'default', (from: pg.Client, to: pg.Client) => replicate({ db: from, name: 'publisher_3' }, to)],
  ['a tenant is imported', 'acme', importTables]
] as const) {
  t.test(`${how}, and its settings row is restored with numbers that the audit has -> SCIM is disabled, enabled and a token generated`, async (t) => {
    const [from, to] = [await newDatabase(tenant === 'acme' ? 'exported_2' : 'publisher_3'), await newDatabase(tenant === 'acme' ? 'imported_2' : 'subscriber_3')]
    for (const db of [from, to]) await db.query(postgresMigration())
    const before = postgresStore({ db: from, createdBy: () => 'ada', tenant: () => tenant })
    await before.setEnabled(true, context)
    await before.replace(record('a'), context)
    await restoreAheadOfClock(from, tenant)
    await copyTables(from, to)

    const store = postgresStore({ db: to, createdBy: () => 'ada', tenant: () => tenant })
    await store.setEnabled(false, context)
    t.equal(await store.find(context), null)
    await store.setEnabled(true, context)
    t.equal(await store.replace(record('b'), context), true)
    t.match(await store.find(context), { hash: 'b'.repeat(64) })
    const { rows } = await to.query('select token_hash as hash, enabled from scim_token_audit where tenant = $1 order by id', [tenant])
    t.strictSame(rows.map(({ hash, enabled }) => hash?.[0] ?? enabled), [true, 'a', 'd', 'e', 'f', false, true, 'b'])
  })
}

t.test('two tenants draw the same number, and the audit of an earlier version has the key "id" alone -> both writes are stored', async (t) => {
  const db = await newDatabase('same_number')
  await db.query(earlier.migration)
  await db.query(postgresMigration())
  const store = (tenant: string, db: Queryable) => postgresStore({ db, createdBy: () => 'ada', tenant: () => tenant })
  await store('acme', db).setEnabled(true, context)
  const held = holdable(db)
  const write = held.hold(2)
  const replaced = store('acme', held).replace(record('a'), context)
  await write.held
  await db.query("insert into scim_token_audit (tenant, id, enabled, created_by) select 'globex', fence, true, 'grace' from scim_settings where tenant = 'acme'")
  write.release()
  t.equal(await replaced, true)
  t.match(await store('acme', db).find(context), { hash: 'a'.repeat(64) })
})

t.test('every audit row is a duplicate -> the write rejects with the error of the database, after few statements, and changes nothing', async (t) => {
  const db = await newDatabase('duplicates')
  await db.query(postgresMigration())
  await db.query('create unique index on scim_token_audit (tenant)')
  let statements = 0
  const store = postgresStore({ db: { query: (text, values) => { statements++; return db.query(text, values) } }, createdBy: () => 'ada' })
  await store.setEnabled(true, context)
  statements = 0
  await t.rejects(async () => await store.setEnabled(false, context), { code: '23505' })
  t.equal(statements, 22)
  t.match(await store.getSettings(context), { enabled: true })
})

t.test('the last events of one tenant of many -> an index is read, without a sort', async (t) => {
  const db = await newDatabase('many')
  await db.query(postgresMigration())
  await db.query("insert into scim_token_audit (tenant, id, enabled, created_by) select 'tenant ' || i % 1000, i, true, 'ada' from generate_series(1, 50000) i")
  await db.query('analyze')
  const { rows } = await db.query("explain (analyze, buffers, format json) select * from scim_token_audit where tenant = 'tenant 7' order by id desc limit 20")
  const [{ Plan: plan }] = rows[0]['QUERY PLAN']
  t.match(plan, { 'Node Type': 'Limit', Plans: [{ 'Node Type': 'Index Scan', 'Scan Direction': 'Backward' }] })
  t.ok(plan['Shared Hit Blocks'] + plan['Shared Read Blocks'] < 50)
})
