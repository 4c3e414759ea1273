import { createHash, randomUUID } from 'node:crypto'
import pg from 'pg'
import t from 'tap'
import { postgresMigration, postgresStore } from '../../lib/stores/postgres.ts'
import { earlierVersions } from '../helpers/earlier-versions.ts'
import { admin, generate, startHost } from '../helpers/host.ts'
import { startPostgres } from '../helpers/postgres.ts'
import { createStoreContext } from '../helpers/store-context.ts'
import { addScimRoutes, scimPath } from '../helpers/scim-host.ts'

const server = await startPostgres()
t.teardown(() => server.stop())

/** Creates a database of its own, with a role that owns its schema. */
async function newDatabase () {
  const name = `d_${randomUUID().replaceAll('-', '')}`
  const connect = async (role?: string) => {
    const url = new URL(server.url)
    url.pathname = `/${name}`
    if (role !== undefined) url.username = role
    const client = new pg.Client({ connectionString: url.href })
    await client.connect()
    t.teardown(() => client.end())
    return client
  }
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  await client.query(`create database ${name}`)
  await client.end()
  return { name, connect }
}

for (const [version, { migration, createStore }] of Object.entries(earlierVersions)) {
  t.test(`tables of version 0.1.0 ${version}, with a token in use -> it stays valid, generate and toggle work, the audit is whole`, async (t) => {
    const { connect } = await newDatabase()
    const db = await connect()
    await db.query(migration)
    const token = 'scim_4eDSyp7eV8rHF61DuGmF5O4rzjDQmaIpKRLtZZ4Wjrq1q4mCu'
    const hash = createHash('sha256').update(token).digest('hex')
    const earlier = createHash('sha256').update('an earlier token').digest('hex')
    await db.query("insert into scim_settings values ('default', true, $1, '2026-01-02T03:04:05Z', 'ada'), ('other', false, null, null, null)", [hash])
    await db.query("insert into scim_token_audit (tenant, token_hash, created_by, created_at) values ('default', $2, 'ada', '2026-01-01'), ('default', $1, 'ada', '2026-01-02')", [hash, earlier])
    const before = await db.query('select id, tenant, token_hash, created_at, created_by from scim_token_audit order by id')

    await db.query(postgresMigration())

    const { app } = await startHost(t, {
      options: { settingsRoutes: true },
      store: postgresStore<{ name: string }>({ db, createdBy: ({ name }) => name }),
      routes: addScimRoutes
    })
    const isAccepted = async (token: string) => (await app.inject({ url: scimPath, headers: { authorization: `Bearer ${token}` } })).statusCode === 200
    const setEnabled = async (enabled: boolean) => (await app.inject({ method: 'POST', url: '/api/admin/scim-settings', headers: admin, payload: { enabled } })).statusCode
    t.equal(await isAccepted(token), true)
    t.equal(await setEnabled(false), 200)
    t.equal(await isAccepted(token), false)
    t.equal(await setEnabled(true), 200)
    t.equal(await isAccepted(token), true)
    const newer = (await generate(app)).json().token
    t.strictSame([await isAccepted(token), await isAccepted(newer)], [false, true])

    const { rows } = await db.query('select id, tenant, token_hash, created_at, created_by from scim_token_audit order by id')
    t.strictSame(rows.slice(0, 2), before.rows)
    t.match((await db.query('select token_hash, enabled, created_by from scim_token_audit where id > 2 order by id')).rows, [
      { token_hash: null, enabled: false, created_by: 'admin' },
      { token_hash: null, enabled: true, created_by: 'admin' },
      { token_hash: createHash('sha256').update(newer).digest('hex'), enabled: null, created_by: 'admin' }
    ])
    t.match((await db.query("select * from scim_settings where tenant = 'other'")).rows, [{ enabled: false, token_hash: null }])
  })

  t.test(`a node of version 0.1.0 ${version} runs on after the migration -> it verifies what new nodes write`, async (t) => {
    const { connect } = await newDatabase()
    const db = await connect()
    await db.query(migration)
    await db.query("insert into scim_settings (tenant, enabled) values ('default', true)")
    const old = createStore(db)
    await db.query(postgresMigration())
    const store = postgresStore({ db, createdBy: () => 'ada' })
    const context = await createStoreContext({})
    const record = { hash: 'a'.repeat(64), createdAt: new Date() }
    t.equal(await store.replace(record, context), true)
    t.strictSame(await old.find(context), record)
    await store.setEnabled(false, context)
    t.equal(await old.find(context), null)
  })
}

t.test('tables without a fence are migrated -> no audit row is read: the check is not valid yet', async (t) => {
  const { connect } = await newDatabase()
  const db = await connect()
  await db.query(earlierVersions['without a fence'].migration)
  await db.query(postgresMigration())
  const { rows } = await db.query("select convalidated as valid from pg_constraint where conname = 'scim_token_audit_check'")
  t.strictSame(rows, [{ valid: false }])
})

t.test('a node whose writes have no fence runs on after the migration -> they work, and their audit rows are in order', async (t) => {
  const { connect } = await newDatabase()
  const db = await connect()
  await db.query(earlierVersions['without a fence'].migration)
  await db.query(postgresMigration())
  const old = earlierVersions['without a fence'].createStore(db)
  const store = postgresStore({ db, createdBy: () => 'ada' })
  const context = await createStoreContext({})
  const [first, second, third] = ['a', 'b', 'c'].map((digit) => ({ hash: digit.repeat(64), createdAt: new Date() }))
  await store.setEnabled(true, context)
  await store.replace(first!, context)
  await old.replace(second!, context)
  t.match(await store.find(context), second)
  await store.replace(third!, context)
  t.match(await store.find(context), third)
  const { rows } = await db.query('select token_hash as hash from scim_token_audit where token_hash is not null order by id')
  t.strictSame(rows.map(({ hash }) => hash), [first!.hash, second!.hash, third!.hash])
})

t.test('a node with two fences writes after the migration -> it fails, because its fences do not count for new nodes', async (t) => {
  const { connect } = await newDatabase()
  const db = await connect()
  await db.query(earlierVersions['with two fences'].migration)
  await db.query("insert into scim_settings (tenant, enabled) values ('default', true)")
  await db.query(postgresMigration())
  const old = earlierVersions['with two fences'].createStore(db)
  const context = await createStoreContext({})
  await t.rejects(async () => await old.replace({ hash: 'a'.repeat(64), createdAt: new Date() }, context), { message: 'column "token_fence" does not exist' })
})

t.test('an audit row without an event, or with two -> the database rejects it', async (t) => {
  const { connect } = await newDatabase()
  const db = await connect()
  await db.query(postgresMigration())
  const insert = 'insert into scim_token_audit (tenant, token_hash, enabled, created_by) values ($1, $2, $3, $4)'
  await t.rejects(db.query(insert, ['default', null, null, 'ada']), { message: /violates check constraint/ })
  await t.rejects(db.query(insert, ['default', 'a'.repeat(64), true, 'ada']), { message: /violates check constraint/ })
})

for (const [what, before] of Object.entries({
  nothing: 'select',
  'tables without a fence': earlierVersions['without a fence'].migration,
  'tables with two fences': earlierVersions['with two fences'].migration
})) {
  for (const isolation of ['read committed', 'repeatable read', 'serializable']) {
    t.test(`five nodes migrate ${what} at once under ${isolation} -> all succeed`, async (t) => {
      const { connect } = await newDatabase()
      const clients = await Promise.all(Array.from({ length: 5 }, () => connect()))
      await clients[0]!.query(before)
      await Promise.all(clients.map((client) => client.query(`set default_transaction_isolation = '${isolation}'`)))
      await t.resolves(Promise.all(clients.map((client) => client.query(postgresMigration()))))
      const { rows: columns } = await clients[0]!.query("select from pg_attribute where attrelid = 'scim_settings'::regclass and attname in ('fence', 'written')")
      t.equal(columns.length, 2)
      const { rows: checks } = await clients[0]!.query("select from pg_constraint where conrelid = 'scim_token_audit'::regclass and contype = 'c'")
      t.equal(checks.length, 1)
    })
  }
}

t.test('a role without privileges migrates tables that are up to date -> it changes nothing and succeeds', async (t) => {
  const { name, connect } = await newDatabase()
  const db = await connect()
  const role = `r_${name}`
  await db.query(`create role ${role} login`)
  const stranger = await connect(role)
  await t.rejects(stranger.query(postgresMigration()), { message: 'permission denied for schema public' })
  await db.query(earlierVersions['without a fence'].migration)
  await t.rejects(stranger.query(postgresMigration()), { message: 'must be owner of table scim_settings' })
  await db.query(postgresMigration())
  await t.resolves(stranger.query(postgresMigration()))
})

const foreignTables = {
  'a settings table of somebody else': ['create table scim_settings (name text primary key, content json)', 'scim_settings'],
  'an audit table of somebody else': ['create table scim_token_audit (id bigint, what text)', 'scim_token_audit'],
  'a view': ['create view scim_settings as select 1 as one', 'scim_settings']
} as const

for (const [what, [create, table]] of Object.entries(foreignTables)) {
  t.test(`${what} has the name -> the migration fails, says so and creates nothing`, async (t) => {
    const { connect } = await newDatabase()
    const db = await connect()
    await db.query(create)
    await t.rejects(db.query(postgresMigration()), {
      message: `fastify-scim-token: the table "${table}" exists and is not one of this package: column "tenant" of relation "${table}" does not exist`,
      hint: 'Pass other names as "tables" to postgresStore and postgresMigration.'
    })
    const { rows } = await db.query("select from pg_class where relname in ('scim_settings', 'scim_token_audit')")
    t.equal(rows.length, 1)
  })
}

t.test('the SQL of the migration in a transaction of the host -> it works, and the lock_timeout of the transaction is kept', async (t) => {
  const { connect } = await newDatabase()
  const db = await connect()
  await db.query(`begin; set local lock_timeout = '7s'; ${postgresMigration()}; create table more ()`)
  t.equal((await db.query('show lock_timeout')).rows[0].lock_timeout, '7s')
  await db.query('commit')
  await t.resolves(postgresStore({ db, createdBy: () => 'ada' }).setEnabled(true, await createStoreContext({})) as Promise<void>)
})

for (const lockTimeout of [0, -1, 1.5, 2 ** 31, '500', null]) {
  t.test(`the option lockTimeout is ${JSON.stringify(lockTimeout)} -> it throws and says what it must be`, async (t) => {
    t.throws(() => postgresMigration({}, JSON.parse(JSON.stringify({ lockTimeout }))), {
      code: 'FST_SCIM_TOKEN_INVALID_OPTION',
      message: /^postgresMigration: the option "lockTimeout" must be an integer of milliseconds from 1 to 2147483647, got /
    })
  })
}

t.test('an option that does not exist -> it throws and names those that do', async (t) => {
  t.throws(() => postgresMigration({}, JSON.parse('{"lock_timeout":1}')), { message: 'postgresMigration: the option "lock_timeout" does not exist; the options are lockTimeout.' })
})
