import rateLimit from '@fastify/rate-limit'
import { httpErrors } from '@fastify/sensible'
import Fastify, { type FastifyError, type FastifyInstance, type FastifyServerOptions } from 'fastify'
import scimToken from 'fastify-scim-token'
import { postgresStore } from 'fastify-scim-token/stores/postgres'
import { scim } from '../scim/index.ts'
import type { Database } from '../scim/postgres-pool.ts'
import { scimServerOptions } from '../scim/server-options.ts'
import auth from './auth.ts'
import type { Config } from './config.ts'
import { openDatabase } from './database.ts'
import { migrate } from './migration.ts'
import openapi from './openapi.ts'
import { postgresStorage } from './scim-storage.ts'
import { databaseSessions } from './sessions.ts'
import { configuredUsers } from './users.ts'

/** Where SCIM is served. */
const scimPath = '/scim'

/** Builds the host: its database, its users, its API documentation, the plugin and the SCIM routes. */
export async function buildHost (config: Config, logger: FastifyServerOptions['logger'] = true): Promise<FastifyInstance> {
  const db = await openDatabase({ url: config.databaseUrl, dataDir: config.dataDir })
  const app = Fastify({
    logger,
    // In milliseconds. Node.js checks every 30 seconds by default, and gives headers 60.
    requestTimeout: 30_000,
    http: { requestTimeout: 30_000, headersTimeout: 10_000, connectionsCheckingInterval: 1000 },
    ...(config.trustProxy !== undefined && { trustProxy: config.trustProxy }),
    ...scimServerOptions(scimPath)
  })
  app.addHook('onClose', () => db.close())
  try {
    await migrate(db, config)
    await registerPlugins(app, db, config)
    return app
  } catch (error) {
    await app.close()
    throw error
  }
}

async function registerPlugins (app: FastifyInstance, db: Database, config: Config): Promise<void> {
  // The message of an internal error is logged and not sent.
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    if (error.statusCode !== undefined && error.statusCode < 500) return reply.send(error)
    request.log.error(error)
    return reply.send(httpErrors.internalServerError())
  })

  await app.register(openapi)
  await app.register(rateLimit, { global: false })
  const limitedRoute = config.rateLimit > 0 ? { rateLimit: { max: config.rateLimit, timeWindow: '1 minute' } } : {}

  await app.register(auth, { users: configuredUsers(config), sessions: databaseSessions(db), loginConfig: limitedRoute, loginsPerName: config.rateLimit })
  app.decorate('scimTokenStore', postgresStore({ db, createdBy: (user) => user.name }))
  await app.register(scimToken, {
    settingsRoutes: true,
    trustedOrigins: config.trustedOrigins,
    routeConfig: { generateNewToken: limitedRoute }
  })
  await app.register(scim, { prefix: scimPath, storage: postgresStorage(db) })

  app.get('/health', { schema: { hide: true } }, async () => {
    await db.query('select 1')
    return { status: 'ok' }
  })
}
