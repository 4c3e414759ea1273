import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import fastifyPlugin from 'fastify-plugin'
import { scimSecurityScheme } from '../scim/openapi.ts'

const adminToken = 'The API token of a user: the value of `ADMIN_TOKEN`.'

/** Adds the OpenAPI document of the routes that are registered after it, at `/docs/json`, and Swagger UI at `/docs`. */
async function openapi (app: FastifyInstance): Promise<void> {
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers({ 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY' })
  })
  await app.register(swagger, {
    openapi: {
      openapi: '3.0.3',
      info: { title: 'A host of fastify-scim-token', version: '1.0.0' },
      components: {
        securitySchemes: {
          apiKey: { type: 'apiKey', in: 'header', name: 'Authorization', description: `${adminToken} Paste it as it is.` },
          bearerToken: { type: 'http', scheme: 'bearer', description: `${adminToken} Paste it without \`Bearer\`.` },
          [scimSecurityScheme]: {
            type: 'http',
            scheme: 'bearer',
            description: 'For the SCIM routes: the SCIM token, `scim_...`, that `POST /api/admin/scim-settings/generate-new-token` has returned. Paste it without `Bearer`.'
          }
        }
      },
      security: [{ apiKey: [] }, { bearerToken: [] }]
    },
    // Names a schema in the document by its $id instead of by a number.
    refResolver: { buildLocalReference: (schema, _baseUri, _fragment, i) => String(schema['$id'] ?? `def-${i}`) }
  })
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: true,
    // Without TLS the page would load none of its files.
    transformStaticCSP: (header) => header.replace('upgrade-insecure-requests;', '').replace("frame-ancestors 'self'", "frame-ancestors 'none'")
  })
}

export default fastifyPlugin(openapi, { name: 'host-openapi' })
