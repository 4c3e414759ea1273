import { httpErrors } from '@fastify/sensible'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { storeContext, type AccessHooks } from './access.ts'
import { adminRouteOptions, bodyLimit } from './admin-route-options.ts'
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
  // The body is not read: clients send none, `{}` or a form, with any content type or none.
  app.addContentTypeParser('*', (request, _payload, done) => {
    const isTooLarge = Number(request.headers['content-length']) > bodyLimit
    done(isTooLarge ? httpErrors.payloadTooLarge(`The request body is too large: at most ${bodyLimit} bytes are accepted.`) : null)
  })

  app.addSchema(scimTokenSchema)
  const noSettingsMessage = 'There are no SCIM settings yet. ' + (options.settings
    ? `Enable SCIM first: POST {"enabled": true} to ${app.prefix}/api/admin/scim-settings.`
    : 'Whoever runs this server has to add them to its database, or to set the option "settings" of fastify-scim-token.')

  app.post('/api/admin/scim-settings/generate-new-token', {
    ...adminRouteOptions('generateNewToken', options),
    schema: generateNewTokenOperation,
    preParsing: [access.requirePermission, ignoreContentType]
  }, async (request, reply) => {
    const token = generateToken()
    const record = { hash: hashToken(token), createdAt: new Date() }
    const context = storeContext(request)

    const stored = await writeToStore(request, reply, 'scimTokenStore.replace', options.timeout, (signal) => store.replace(record, { ...context, signal }))
    if (stored === errorSent) return reply
    if (stored === false) {
      throw httpErrors.notFound(noSettingsMessage)
    }
    if (stored !== true) throw contractError('scimTokenStore.replace', 'true or false', stored)

    reply.header('cache-control', 'no-store')
    return { token }
  })
}

// Fastify responds to an invalid content type with 415 before it calls a parser.
async function ignoreContentType (request: FastifyRequest): Promise<void> {
  request.headers = { ...request.headers, 'content-type': undefined }
}
