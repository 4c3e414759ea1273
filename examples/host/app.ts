import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import scimToken from 'fastify-scim-token'
import { postgresMigration, postgresStore } from 'fastify-scim-token/stores/postgres'
import type { Config } from './config.ts'
import { openDatabase } from './database.ts'
import { usersByToken } from './users.ts'

/** Builds the host: its users, its database, its API documentation, and the plugin among them. */
export async function buildHost (config: Config, logger: FastifyServerOptions['logger'] = true): Promise<FastifyInstance> {
  const app = Fastify({ logger })

  const db = await openDatabase({ url: config.databaseUrl, dataDir: config.dataDir })
  app.addHook('onClose', () => db.close())
  await db.query(postgresMigration())
  await db.query(config.scimSettings
    ? "insert into scim_settings (tenant, enabled) values ('default', true) on conflict do nothing"
    : "delete from scim_settings where tenant = 'default'")

  await app.register(swagger, {
    openapi: {
      openapi: '3.0.3',
      info: { title: 'A host of fastify-scim-token', version: '1.0.0' },
      components: {
        securitySchemes: {
          apiKey: { type: 'apiKey', in: 'header', name: 'Authorization', description: 'The API token of a user.' },
          bearerToken: { type: 'http', scheme: 'bearer', description: 'The API token of a user.' }
        }
      },
      security: [{ apiKey: [] }, { bearerToken: [] }]
    },
    // Names a schema in the document by its $id, where the default is a number.
    refResolver: { buildLocalReference: (schema, _baseUri, _fragment, i) => String(schema['$id'] ?? `def-${i}`) }
  })
  await app.register(swaggerUi, { routePrefix: '/docs' })

  app.decorate('scimAuthResolver', usersByToken(new Map([
    [config.adminToken, { name: 'admin', permissions: ['ADMIN'] }],
    [config.viewerToken, { name: 'viewer', permissions: [] }]
  ])))
  app.decorate('scimTokenStore', postgresStore({ db, createdBy: (user) => user.name }))
  await app.register(scimToken)

  app.get('/health', { schema: { hide: true } }, async () => {
    await db.query('select 1')
    return { status: 'ok' }
  })
  return app
}
