import Fastify, { type FastifyRequest } from 'fastify'
import pg from 'pg'
import scimToken, { type ScimAuthResolver, type ScimRequestContext, type ScimSettingsStore } from '../../lib/index.ts'
import { postgresStore, type Queryable } from '../../lib/stores/postgres.ts'
import { brokenStores } from './broken-stores.ts'

// One host process. It tells its parent its address, and stops at SIGTERM or when its parent is gone.

const env = process.env

const app = Fastify({
  // At this level Fastify logs the bytes of a request that it cannot read, credentials and all.
  logger: { level: 'trace', redact: ['err.rawPacket'] },
  requestTimeout: 3000,
  http: { headersTimeout: 2000, connectionsCheckingInterval: 500 }
})

const pool = new pg.Pool({
  connectionString: env['DATABASE_URL'],
  max: 4,
  connectionTimeoutMillis: 1000,
  query_timeout: 2000,
  statement_timeout: 2000
})
// Without a listener the loss of an idle connection ends the process.
pool.on('error', (error) => { app.log.warn(error, 'an idle connection was lost') })
app.addHook('onClose', () => pool.end())

/** A user for each operation, so that the audit names it. Only `admin` may do anything. */
const users: ScimAuthResolver<{ name: string }> = {
  authenticate: (request) => request.headers.authorization === undefined ? null : { name: operationOf(request) },
  authorize: (_user, _permissions, { headers }) => headers.authorization === 'admin'
}

const store: ScimSettingsStore<{ name: string }> = {
  replace: (record, context) => storeOf(context).replace(record, context),
  find: (context) => storeOf(context).find(context),
  getSettings: (context) => storeOf(context).getSettings(context),
  setEnabled: (enabled, context) => storeOf(context).setEnabled(enabled, context)
}

function storeOf ({ request }: ScimRequestContext): ScimSettingsStore<{ name: string }> {
  return postgresStore({ db: databaseOf(request), createdBy: (user) => user.name, tenant: tenantOf })
}

/** Says in each statement on behalf of which operation it is, so that the database can tell. */
function databaseOf (request: FastifyRequest): Queryable {
  return { query: (text, values) => pool.query(`/* operation ${Number(operationOf(request))} */ ${text}`, values) }
}

function operationOf ({ headers }: FastifyRequest): string {
  return String(headers['x-operation'])
}

function tenantOf ({ headers }: FastifyRequest): string {
  return String(headers['x-tenant'] ?? 'default')
}

const breakStore = brokenStores[env['BROKEN_STORE'] ?? '']
app.decorate('scimAuthResolver', users)
app.decorate('scimTokenStore', breakStore ? breakStore(store, databaseOf) : store)
await app.register(scimToken, { settings: true, timeout: 1500 })
app.get('/scim/v2/Users', { onRequest: app.verifyScimToken }, async () => ({ totalResults: 0, Resources: [] }))

process.on('message', () => {
  global.gc?.()
  process.send!(process.memoryUsage())
})
process.once('SIGTERM', () => { process.disconnect() })
process.once('disconnect', () => { app.close() })

process.send!(await app.listen({ host: '127.0.0.1', port: 0 }))
