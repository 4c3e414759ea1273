import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import Fastify from 'fastify'
import pg from 'pg'
import t from 'tap'
import { resolveOptions } from '../lib/options.ts'
import { postgresMigration, postgresStore } from '../lib/stores/postgres.ts'
import { admin, generate, startHost } from './helpers/host.ts'
import { startPostgres } from './helpers/postgres.ts'
import { addScimRoutes, scimPath } from './helpers/scim-host.ts'
import { createStoreContext } from './helpers/store-context.ts'

const page = await readFile(join(import.meta.dirname, '../docs/databases.md'), 'utf8')
const run = promisify(execFile)

/** Returns the code blocks of a section in a language. */
function readBlocks (title: string, language: string): string[] {
  const section = page.split(/^## /m).find((section) => section.startsWith(`${title}\n`))
  if (section === undefined) throw new Error(`there is no section "${title}"`)
  return [...section.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(([, code = '']) => code)
}

const server = await startPostgres()
const url = (role: string) => server.url.replace('//postgres@', `//${role}@`)

async function connect (role: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url(role) })
  await client.connect()
  return client
}

const superuser = await connect('postgres')
const [createRoles = '', grants = '', readAudit = ''] = readBlocks('Migrations and rights', 'sql')
await superuser.query(createRoles)
const [owner, app] = [await connect('owner'), await connect('app')]
t.teardown(async () => {
  await Promise.all([superuser, owner, app].map((client) => client.end()))
  await server.stop()
})

const [migrate = ''] = readBlocks('Migrations and rights', 'js')
const folder = t.testdir({
  'migrate.mjs': migrate,
  'database.mjs': readBlocks('Timeouts', 'js')[0] ?? '',
  'decorate.mjs': `export function decorate (app, db, postgresStore) {\n${readBlocks('Prepared statements', 'js')[0] ?? ''}}`
})
await run(process.execPath, ['migrate.mjs'], { cwd: folder, env: { PATH: process.env['PATH'], OWNER_DATABASE_URL: url('owner') } })
await owner.query(grants)

const context = await createStoreContext({ name: 'ada' })
const createdBy = ({ name }: { name: string }) => name
const newRecord = () => ({ hash: randomBytes(32).toString('hex'), createdAt: new Date() })

t.test('the documented rights -> the app can do all that the store does, and migrate what is up to date', async (t) => {
  await app.query(postgresMigration())
  let tenant = 'default'
  const store = postgresStore({ db: app, createdBy, tenant: () => tenant })
  const record = newRecord()
  t.equal(await store.replace(record, context), true)
  t.strictSame(await store.find(context), record)
  await store.setEnabled(false, context)
  t.strictSame(await store.getSettings(context), { enabled: false, hasToken: true })
  tenant = 'other'
  await store.setEnabled(true, context)
  t.strictSame(await store.getSettings(context), { enabled: true, hasToken: false })

  t.match((await owner.query(readAudit)).rows, [
    { created_at: Date, created_by: 'ada', tenant: 'other', event: 'SCIM enabled' },
    { created_at: Date, created_by: 'ada', tenant: 'default', event: 'SCIM disabled' },
    { created_at: Date, created_by: 'ada', tenant: 'default', event: 'token generated' }
  ])
})

for (const statement of [
  "insert into scim_token_audit (tenant, enabled, created_by, created_at) values ('default', true, 'ada', '2020-01-01')",
  "update scim_token_audit set created_by = 'grace'",
  'delete from scim_token_audit',
  'truncate scim_token_audit',
  'select created_by from scim_token_audit',
  'delete from scim_settings',
  "update scim_settings set tenant = 'other'",
  'drop table scim_token_audit',
  'create table more ()'
]) {
  t.test(`the app runs "${statement}" -> permission denied`, async (t) => {
    await t.rejects(app.query(statement), { message: /^(permission denied|must be owner)/ })
  })
}

t.test('the documented query on the primary -> false', async (t) => {
  const [query = ''] = readBlocks('Replicas and durability', 'sql')
  t.strictSame((await app.query(query)).rows, [{ pg_is_in_recovery: false }])
})

t.test('a backup is restored and the documented statement is run -> the replaced token stays invalid, generating works', async (t) => {
  await owner.query("update scim_settings set enabled = true where tenant = 'default'")
  const store = postgresStore({ db: app, createdBy })
  const { app: host } = await startHost(t, { store, routes: addScimRoutes })
  const isAccepted = async (token: string) => (await host.inject({ url: scimPath, headers: { authorization: `Bearer ${token}` } })).statusCode === 200
  const leaked = (await generate(host)).json().token

  await owner.query('create table backup as table scim_settings')
  t.equal((await generate(host, admin)).statusCode, 200)
  t.equal(await isAccepted(leaked), false)
  await owner.query('delete from scim_settings; insert into scim_settings table backup; drop table backup')
  t.equal(await isAccepted(leaked), true, 'the backup holds it')

  const [forget = ''] = readBlocks('Backups', 'sql')
  await owner.query(forget)
  t.equal(await isAccepted(leaked), false)
  t.equal(await isAccepted((await generate(host)).json().token), true)
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
