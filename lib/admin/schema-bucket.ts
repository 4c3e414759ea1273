import type { FastifyInstance } from 'fastify'

/**
 * Makes a scope keep the first schema of each `$id`. Fastify would reject a second one, also if the
 * host adds it to the app later. Only OpenAPI documents read these schemas, so the routes work with
 * those of the host.
 */
export function keepFirstSchemas (scope: FastifyInstance): void {
  scope.setSchemaController({
    bucket (parentSchemas) {
      const schemas = new Map<string, unknown>(Object.entries(Object(parentSchemas)))
      return {
        add (schema) {
          const { $id } = Object(schema)
          if (!schemas.has($id)) schemas.set($id, schema)
          return scope
        },
        getSchema: (id) => schemas.get(id),
        getSchemas: () => Object.fromEntries(schemas)
      }
    }
  })
}
