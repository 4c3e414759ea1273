import { httpErrors } from '@fastify/sensible'
import type { FastifyInstance } from 'fastify'
import { storeContext, type AccessHooks } from './access.ts'
import { adminRouteOptions } from './admin-route-options.ts'
import { contractError } from './call-host.ts'
import type { ScimTokenStore } from './contracts.ts'
import type { ResolvedOptions } from './options.ts'
import { generateNewTokenOperation, scimTokenSchema } from './schemas.ts'
import { errorSent, writeToStore } from './store-write.ts'
import { generateToken, hashToken } from './token.ts'

/** Adds the route that generates a token, stores its hash and responds with the token. */
export async function generateNewToken (
  app: FastifyInstance,
  { store, access, options }: { store: ScimTokenStore, access: AccessHooks, options: ResolvedOptions }
): Promise<void> {
  // Clients send no body, `{}` or a form, with any content type or none.
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, _body, done) => done(null))

  app.addSchema(scimTokenSchema)
  app.post('/api/admin/scim-settings/generate-new-token', {
    ...adminRouteOptions('generateNewToken', options),
    schema: generateNewTokenOperation,
    onRequest: access.requirePermission
  }, async (request, reply) => {
    const token = generateToken()
    const record = { hash: hashToken(token), createdAt: new Date() }
    const context = storeContext(request)

    const stored = await writeToStore(request, 'scimTokenStore.replace', options.timeout, (signal) => store.replace(record, { ...context, signal }))
    if (stored === errorSent) return reply
    if (stored === false) {
      throw httpErrors.notFound('There are no SCIM settings yet. Set up SCIM first, then generate a token.')
    }
    if (stored !== true) throw contractError('scimTokenStore.replace', 'true or false', stored)

    reply.header('cache-control', 'no-store')
    return { token }
  })
}
