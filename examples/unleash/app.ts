import Fastify, { type FastifyInstance, type FastifyLoggerOptions } from 'fastify'
import scimToken from 'fastify-scim-token'
import { scim } from '../scim/index.ts'
import { connectPool, type Database } from '../scim/postgres-pool.ts'
import { scimServerOptions } from '../scim/server-options.ts'
import { checkUnleash } from './check-unleash.ts'
import type { Config } from './config.ts'
import { serializers } from './log.ts'
import { migrate } from './migration.ts'
import { proxy } from './proxy.ts'
import { unleashResolver, type Caller } from './resolver.ts'
import { unleashStorage } from './storage.ts'
import { unleashSettingsStore } from './store.ts'

/** Where SCIM is served. */
const scimPath = '/scim'

/** Builds the host in front of an Unleash server, after it has checked that it knows the server and its tables. */
export async function buildHost (config: Config, logger: FastifyLoggerOptions = {}): Promise<FastifyInstance> {
  const db = connectPool({ connectionString: config.databaseUrl, max: 20 })
  const app = Fastify({
    logger: { ...logger, serializers },
    requestTimeout: 30_000,
    trustProxy: config.trustProxy,
    ...scimServerOptions(scimPath)
  })
  app.addHook('onClose', () => db.close())
  try {
    await checkUnleash(db, config)
    await migrate(db)
    await registerPlugins(app, db, config)
    return app
  } catch (error) {
    await app.close()
    throw error
  }
}

async function registerPlugins (app: FastifyInstance, db: Database, config: Config): Promise<void> {
  app.decorate('scimAuthResolver', unleashResolver(config.unleashUrl))
  app.decorate('scimTokenStore', unleashSettingsStore<Caller>({ db, author: (caller) => caller }))
  await app.register(scimToken, { settingsRoutes: true })
  await app.register(scim, { prefix: scimPath, storage: unleashStorage(db, config) })
  await app.register(proxy, { db, unleashUrl: config.unleashUrl })
}
