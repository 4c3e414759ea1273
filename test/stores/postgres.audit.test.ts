import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import t from 'tap'
import { postgresMigration, postgresStore } from '../../lib/stores/postgres.ts'
import { earlierVersions } from '../helpers/earlier-versions.ts'
import { freePort } from '../helpers/free-port.ts'
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
  for (const table of ['scim_settings', 'scim_token_audit']) {
    const { rows: [{ rows }] } = await from.query(`select json_agg(row)::text as rows from ${table} row`)
    await to.query(`insert into ${table} select * from json_populate_recordset(null::${table}, $1)`, [rows])
  }
  for (const tenant of ['acme', 'globex']) {
    const store = postgresStore({ db: to, createdBy: () => 'ada', tenant: () => tenant })
    await store.setEnabled(false, context)
    await store.setEnabled(true, context)
    t.equal(await store.replace(record('b'), context), true)
    const { rows } = await to.query('select token_hash as hash, enabled from scim_token_audit where tenant = $1 order by id', [tenant])
    t.strictSame(rows.map(({ hash, enabled }) => hash?.[0] ?? enabled), [true, 'a', false, true, 'b'])
  }
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
