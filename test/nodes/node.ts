import Fastify, { type FastifyRequest } from 'fastify'
import pg from 'pg'
import scimToken, { type ScimAuthResolver, type ScimRequestContext, type ScimSettingsStore } from '../../lib/index.ts'
import { postgresStore, type Queryable } from '../../lib/stores/postgres.ts'
import { brokenStores } from './broken-stores.ts'
import type { Command, PoolState } from './node-process.ts'

// One host process. It sends its address to its parent, and stops at SIGTERM or if its parent exits.

const env = process.env
const timeout = Number(env['TIMEOUT_MS'])

const app = Fastify({
  // At this level Fastify logs the bytes of a request that it cannot parse, credentials included.
  logger: { level: 'trace', redact: ['err.rawPacket'] },
  requestTimeout: 3000,
  http: { headersTimeout: 2000, connectionsCheckingInterval: 500 }
})

const defaultPool: pg.PoolConfig = {
  connectionString: env['DATABASE_URL'],
  max: 4,
  connectionTimeoutMillis: timeout * 2 / 3,
  query_timeout: timeout * 4 / 3,
  statement_timeout: timeout * 4 / 3
}
let pool = openPool(defaultPool)
app.addHook('onClose', () => pool.end())

function openPool (config: pg.PoolConfig): pg.Pool {
  // Without a listener the loss of an idle connection ends the process.
  return new pg.Pool(config).on('error', (error) => { app.log.warn(error, 'an idle connection was lost') })
}

/** A user for each operation, so that the audit names it. Only `admin` has a permission. */
const users: ScimAuthResolver<{ name: string }> = {
  authenticate: (request) => request.headers.authorization === undefined ? null : { name: operationOf(request).id },
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

/** Puts the operation into a comment before each statement, for the proxy and for the database's trigger. */
function databaseOf (request: FastifyRequest): Queryable {
  const { kind, id } = operationOf(request)
  let number = 0
  return { query: (text, values) => pool.query(`/* ${kind} ${id}, statement ${++number} */ ${text}`, values) }
}

function operationOf ({ headers }: FastifyRequest): { kind: string, id: string } {
  const [, kind = 'unknown', id = '0'] = /^(\w+) (\d+)$/.exec(String(headers['x-operation'])) ?? []
  return { kind, id }
}

function tenantOf ({ headers }: FastifyRequest): string {
  return String(headers['x-tenant'] ?? 'default')
}

const breakStore = brokenStores[env['BROKEN_STORE'] ?? '']
app.decorate('scimAuthResolver', users)
app.decorate('scimTokenStore', breakStore ? breakStore(store, databaseOf) : store)
await app.register(scimToken, { settingsRoutes: true, timeout })
app.get('/scim/v2/Users', { onRequest: app.verifyScimToken }, async () => ({ totalResults: 0, Resources: [] }))

const commands = {
  memory () {
    global.gc?.()
    return process.memoryUsage()
  },
  poolState: (): PoolState => ({ waiting: pool.waitingCount, isIdle: pool.waitingCount === 0 && pool.idleCount === pool.totalCount }),
  usePool (config = defaultPool) {
    const former = pool
    pool = openPool(config)
    former.end()
  }
}
process.on('message', ({ id, name, argument }: Command) => {
  process.send!({ id, result: commands[name](argument) })
})
process.once('SIGTERM', () => { process.disconnect() })
process.once('disconnect', () => { app.close() })

process.send!(await app.listen({ host: '127.0.0.1', port: 0 }))
