import { httpErrors } from '@fastify/sensible'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { contractError } from '../call-host.ts'
import type { ScimTokenStore } from '../contracts.ts'
import { reportChange } from '../diagnostics.ts'
import { closeIfUnread } from '../prepare-error-response.ts'
import type { ResolvedOptions } from '../options.ts'
import { generateToken, hashToken } from '../token.ts'
import type { AccessHooks } from './access.ts'
import { adminRouteOptions, bodyLimit } from './route-options.ts'
import { generateNewTokenOperation, scimTokenSchema } from './schemas.ts'
import { respondWhilePending, whilePending } from './request-state.ts'
import { writeToStore } from './write-to-store.ts'

/** Adds the route that generates a token, stores its hash and responds with the token. */
export async function generateNewToken (
  app: FastifyInstance,
  { store, access, options }: { store: ScimTokenStore, access: AccessHooks, options: ResolvedOptions }
): Promise<void> {
  // The body is not read: clients send none, `{}` or a form, with any content type or none.
  app.addContentTypeParser('*', (_request, _payload, done) => { done(null) })

  app.addSchema(scimTokenSchema)
  const noSettingsMessage = 'There are no SCIM settings yet. ' + (options.settingsRoutes
    ? `Enable SCIM first: POST {"enabled": true} to ${app.prefix}/api/admin/scim-settings.`
    : 'Whoever runs this server has to add them to its database, or to set the option "settingsRoutes" of fastify-scim-token.')

  app.post('/api/admin/scim-settings/generate-new-token', {
    ...adminRouteOptions('generateNewToken', options),
    schema: generateNewTokenOperation,
    preParsing: [access.requirePermission, whilePending(ignoreBody)]
  }, respondWhilePending(async (request, reply) => {
    const token = generateToken()
    const method = 'scimTokenStore.replace'
    const stored = await writeToStore(request, reply, {
      method,
      timeout: options.timeout,
      call: (context) => store.replace({ hash: hashToken(token), createdAt: new Date() }, context)
    })
    if (stored === false) throw httpErrors.createError(404, noSettingsMessage, { code: 'SCIM_ADMIN_NO_SETTINGS' })
    if (stored !== true) throw contractError(method, 'true or false', stored)
    reportChange(request, 'generated', 'generateNewToken')
    closeIfUnread(request, reply)
    reply.header('cache-control', 'no-store')
    return { token }
  }))
}

async function ignoreBody (request: FastifyRequest): Promise<void> {
  if (Number(request.headers['content-length']) > bodyLimit) {
    throw httpErrors.createError(413, `The request body is too large: at most ${bodyLimit} bytes are accepted.`, { code: 'SCIM_ADMIN_INVALID_BODY' })
  }
  // Fastify responds to an invalid content type with 415 before it calls a parser.
  request.headers = { ...request.headers, 'content-type': undefined }
}
