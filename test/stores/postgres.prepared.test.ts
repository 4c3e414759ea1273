import { randomBytes } from 'node:crypto'
import pg from 'pg'
import t from 'tap'
import { postgresMigration, postgresStore, type PostgresTables } from '../../lib/stores/postgres.ts'
import { startPostgres } from '../helpers/postgres.ts'
import { createStoreContext } from '../helpers/store-context.ts'

const server = await startPostgres()
const client = new pg.Client({ connectionString: server.url })
await client.connect()
t.teardown(async () => {
  await client.end()
  await server.stop()
})

const context = await createStoreContext({})
const createdBy = () => 'ada'

async function callAll (tables: PostgresTables, preparedStatements: boolean): Promise<void> {
  const { settings = 'scim_settings' } = tables
  await client.query(postgresMigration(tables))
  await client.query(`truncate ${settings}`)
  const store = postgresStore({ db: client, createdBy, tables, preparedStatements })
  await store.setEnabled(true, context)
  await store.setEnabled(false, context)
  await store.setEnabled(true, context)
  await store.replace({ hash: randomBytes(32).toString('hex'), createdAt: new Date() }, context)
  await store.getSettings(context)
  for (let i = 0; i < 10; i++) await store.find(context)
}

async function readPrepared () {
  const { rows } = await client.query('select name, statement, generic_plans::int, custom_plans::int from pg_prepared_statements order by name')
  return rows
}

t.test('without preparedStatements -> PostgreSQL keeps no statement', async (t) => {
  await callAll({}, false)
  t.strictSame(await readPrepared(), [])
})

t.test('preparedStatements: true -> each statement is parsed once, and planned once after five calls', async (t) => {
  await callAll({}, true)
  const prepared = await readPrepared()
  t.equal(prepared.length, 6)
  t.match(prepared.find(({ statement }) => statement.includes('as hash')), { generic_plans: 5, custom_plans: 5 })

  await callAll({}, true)
  const again = await readPrepared()
  t.strictSame(again.map(({ name }) => name), prepared.map(({ name }) => name), 'a second store has the same names')
  t.match(again.find(({ statement }) => statement.includes('as hash')), { generic_plans: 15, custom_plans: 5 })
})

t.test('two stores with other tables on one connection -> each has statements of its own', async (t) => {
  await callAll({ settings: 'other', audit: 'other_audit' }, true)
  const prepared = await readPrepared()
  t.equal(prepared.length, 12)
  for (const { name } of prepared) t.match(name, /^fastify-scim-token-[0-9a-f]{40}$/)
})
