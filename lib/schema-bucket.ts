import type { FastifyInstance } from 'fastify'

/**
 * Makes a scope keep the first schema of each `$id`. Fastify rejects a second one, also if the host
 * adds its own to the app later. The routes do not need their own: only OpenAPI documents read it.
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
