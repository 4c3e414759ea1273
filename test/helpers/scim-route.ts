import type { FastifyInstance } from 'fastify'

export const scimPath = '/scim/v2/Users'

/** Gives a host a SCIM route behind the plugin's hook, before the plugin is registered. */
export function addScimRoute (app: FastifyInstance): void {
  app.get(scimPath, {
    onRequest: async (request, reply) => { await app.verifyScimToken(request, reply) }
  }, async () => [])
}
