import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import fastifyPlugin from 'fastify-plugin'

/** The OpenAPI document of the routes that are registered after it, at `/docs/json`, and Swagger UI at `/docs`. */
async function openapi (app: FastifyInstance): Promise<void> {
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
}

export default fastifyPlugin(openapi, { name: 'host-openapi' })
