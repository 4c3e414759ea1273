import { hash } from 'node:crypto'
import Fastify from 'fastify'
import scimToken from 'fastify-scim-token'
import { postgresMigration, postgresStore } from 'fastify-scim-token/stores/postgres'
import pg from 'pg'
import { generateToken, hashToken } from '../../dist/token.js'
import { listen, noUsers, resolver, scimPath } from './work.js'

/** The plugin and its PostgreSQL store, with requests of each tenant in turn, and with named statements or without. */
export async function start ({ url, job, tenants, named = false }) {
  const token = generateToken()
  const db = new pg.Pool({ connectionString: url })
  const tables = { settings: `${job}_${tenants}`, audit: `${job}_${tenants}_audit` }
  await fill(db, tables, tenants, hashToken(token))

  let requests = 0
  const app = Fastify()
  app.addHook('onClose', () => db.end())
  app.decorate('scimAuthResolver', resolver)
  app.decorate('scimTokenStore', postgresStore({
    db: named ? { query: (text, values) => db.query({ name: hash('sha1', text), text, values }) } : db,
    tables,
    createdBy: (user) => user.name,
    tenant: () => `tenant-${requests++ % tenants}`
  }))
  await app.register(scimToken)
  app.get(scimPath, { onRequest: app.verifyScimToken }, async () => noUsers)
  return { port: await listen(app), token }
}

async function fill (db, tables, tenants, hash) {
  await db.query(postgresMigration(tables))
  await db.query(`
    insert into ${tables.settings} (tenant, enabled, token_hash, token_created_at, token_created_by)
    select 'tenant-' || i, true, $2, now(), 'benchmark' from generate_series(0, $1::int - 1) i
    on conflict (tenant) do update set token_hash = excluded.token_hash`, [tenants, hash])
  await db.query(`analyze ${tables.settings}`)
}
