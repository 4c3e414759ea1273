import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import Fastify from 'fastify'
import pg from 'pg'
import t from 'tap'
import { resolveOptions } from '../lib/options.ts'
import { postgresStore } from '../lib/stores/postgres.ts'
import { Blocks, readPages } from './docs/pages.ts'
import { startPostgres } from './helpers/postgres.ts'
import { createStoreContext } from './helpers/store-context.ts'

const run = promisify(execFile)
const blocks = new Blocks(await readPages())
const readBlocks = (section: string, language: string) => blocks.all('docs/databases.md', section, language)

const server = await startPostgres()
const url = (role: string) => server.url.replace('//postgres@', `//${role}@`)

async function connect (role: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url(role) })
  await client.connect()
  return client
}

const superuser = await connect('postgres')
const [createRoles = ''] = readBlocks('Migrations and privileges', 'sql')
await superuser.query(createRoles)
const [owner, app] = [await connect('owner'), await connect('app')]
t.teardown(async () => {
  await Promise.all([superuser, owner, app].map((client) => client.end()))
  await server.stop()
})

const [migrate = ''] = readBlocks('Migrations and privileges', 'js')
const folder = t.testdir({
  'migrate.mjs': migrate,
  'database.mjs': readBlocks('Timeouts', 'js')[0] ?? '',
  'decorate.mjs': `export function decorate (app, db, postgresStore) {\n${readBlocks('Prepared statements', 'js')[0] ?? ''}}`
})
await run(process.execPath, ['migrate.mjs'], { cwd: folder, env: { PATH: process.env['PATH'], OWNER_DATABASE_URL: url('owner') } })
await owner.query(blocks.all('docs/operations.md', 'Deploy', 'sql').at(-1)!)
await owner.query(blocks.one('docs/operations.md', 'Set up a tenant', 'sql'))
const context = await createStoreContext({ name: 'ada' })
const createdBy = ({ name }: { name: string }) => name
const newRecord = () => ({ hash: randomBytes(32).toString('hex'), createdAt: new Date() })

t.test('the documented query on the primary -> false', async (t) => {
  const [query = ''] = readBlocks('Replicas and durability', 'sql')
  t.strictSame((await app.query(query)).rows, [{ pg_is_in_recovery: false }])
})

t.test('the documented limits -> a locked table fails a statement with the limit of the role, two statements within the timeout', async (t) => {
  const [alterRole = ''] = readBlocks('Timeouts', 'sql')
  await superuser.query(alterRole)
  const { db } = await importDatabase()
  t.teardown(() => db.end())
  const { connectionTimeoutMillis = 0, query_timeout: queryTimeout = 0, statement_timeout: startupParameter } = db.options
  t.ok(2 * (connectionTimeoutMillis + Number(queryTimeout)) < resolveOptions({}).timeout)
  t.equal(startupParameter, undefined)

  const { rows } = await db.query('select setting::int as ms from pg_settings where name = $1', ['statement_timeout'])
  t.equal(rows[0]?.ms, 2500)
  t.ok(rows[0]?.ms < Number(queryTimeout))

  await superuser.query('begin; lock table scim_settings')
  const store = postgresStore({ db, createdBy })
  await t.rejects(async () => await store.replace(newRecord(), context), { message: 'canceling statement due to statement timeout' })
  await superuser.query('rollback')
  t.equal(await store.replace(newRecord(), context), true)
})

/** Imports the documented pool, connected as `app`. */
async function importDatabase (): Promise<{ db: pg.Pool }> {
  process.env['DATABASE_URL'] = url('app')
  return await import(pathToFileURL(join(folder, 'database.mjs')).href)
}

t.test('the documented store with named statements -> it generates a token', async (t) => {
  const { decorate } = await import(pathToFileURL(join(folder, 'decorate.mjs')).href)
  const host = Fastify()
  decorate(host, app, postgresStore)
  const store = host.scimTokenStore
  t.equal(await store.replace(newRecord(), context), true)
  const { rows } = await app.query('select from pg_prepared_statements')
  t.equal(rows.length, 2)
})
