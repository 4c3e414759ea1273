import Fastify, { type FastifyInstance } from 'fastify'
import scimToken, { type ScimAuthResolver, type ScimTokenRecord, type ScimTokenStore } from 'fastify-scim-token'
import { storeConformance } from 'fastify-scim-token/store-conformance'
import { memoryStore } from 'fastify-scim-token/stores/memory'
import { postgresStore, type Queryable } from 'fastify-scim-token/stores/postgres'

interface User { name: string }

declare module 'fastify-scim-token' {
  interface FastifyScimToken { user: User }
}

const resolver: ScimAuthResolver = {
  authenticate: ({ headers }) => headers.authorization === 'admin' ? { name: 'admin' } : null,
  authorize: (user, permissions) => user.name === 'admin' && permissions.includes('ADMIN')
}

export function onPostgres (db: Queryable): ScimTokenStore {
  return postgresStore({ db, createdBy: (user) => user.name })
}

export function tokenOf (app: FastifyInstance): void {
  app.get('/', { onRequest: app.verifyScimToken }, async (request): Promise<ScimTokenRecord | null> => request.scimToken)
}

export const conformance = storeConformance

const app = Fastify()
app.decorate('scimAuthResolver', resolver)
app.decorate('scimTokenStore', memoryStore())
app.register(scimToken, { permissions: ['ADMIN'] })

const { statusCode, body } = await app.inject({
  method: 'POST',
  url: '/api/admin/scim-settings/generate-new-token',
  headers: { authorization: 'admin' }
})
console.log(statusCode, body)
