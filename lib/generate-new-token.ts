import { httpErrors } from '@fastify/sensible'
import type { FastifyInstance } from 'fastify'
import { contextOf, type Access } from './access.ts'
import { makeChange, refused } from './change.ts'
import type { ScimTokenStore } from './contracts.ts'
import { brokenContract } from './host.ts'
import type { SettledOptions } from './options.ts'
import { routeOptions } from './route-options.ts'
import { generateNewTokenOperation, scimTokenSchema } from './schemas.ts'
import { generateToken, hashToken } from './token.ts'

/** The route that generates a token, has its hash stored and answers the token, this once. */
export async function generateNewToken (
  app: FastifyInstance,
  { store, access, options }: { store: ScimTokenStore, access: Access, options: SettledOptions }
): Promise<void> {
  // Clients send no body, `{}` or a form, under any content type or none; only its size matters.
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, _body, done) => done(null))

  app.addSchema(scimTokenSchema)
  app.post('/api/admin/scim-settings/generate-new-token', {
    ...routeOptions('generateNewToken', options),
    schema: generateNewTokenOperation,
    onRequest: access.mayChange
  }, async (request, reply) => {
    const token = generateToken()
    const record = { hash: hashToken(token), createdAt: new Date() }
    const context = contextOf(request)

    const stored = await makeChange(request, 'scimTokenStore.replace', options.timeout, () => store.replace(record, context))
    if (stored === refused) return reply
    if (stored === false) {
      throw httpErrors.notFound('There are no SCIM settings yet. Set up SCIM first, then generate a token.')
    }
    if (stored !== true) throw brokenContract('scimTokenStore.replace', 'true or false', stored)

    reply.header('cache-control', 'no-store')
    return { token }
  })
}
