import { httpErrors } from '@fastify/sensible'
import type { Static } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import type { FastifyInstance } from 'fastify'
import { contextOf, type Access } from './access.ts'
import { makeChange, refused } from './change.ts'
import type { ScimSettingsStore } from './contracts.ts'
import type { Fault } from './errors.ts'
import { ask, brokenContract } from './host.ts'
import type { SettledOptions } from './options.ts'
import { routeOptions } from './route-options.ts'
import { getScimSettingsOperation, scimSettingsSchema, setScimSettingsSchema, setScimSettingsOperation } from './schemas.ts'

/** The routes that show whether SCIM is enabled and has a token, and that enable and disable it. */
export async function scimSettings (
  app: FastifyInstance,
  { store, access, options }: { store: ScimSettingsStore, access: Access, options: SettledOptions }
): Promise<void> {
  acceptJsonOnly(app)
  // The host's validator may coerce: `{"enabled": null}` would disable SCIM.
  app.setValidatorCompiler(() => validateSettings)

  app.addSchema(scimSettingsSchema)
  app.addSchema(setScimSettingsSchema)

  app.get('/api/admin/scim-settings', {
    ...routeOptions('getScimSettings', options),
    schema: getScimSettingsOperation,
    onRequest: access.known
  }, async (request, reply) => {
    const context = contextOf(request)
    const settings = await ask(503, 'scimTokenStore.getSettings', options.timeout, () => store.getSettings(context))
    if (!Value.Check(scimSettingsSchema, settings)) {
      throw brokenContract('scimTokenStore.getSettings', '{ enabled, hasToken }, both true or false', settings)
    }

    reply.header('cache-control', 'no-store')
    return settings
  })

  app.post<{ Body: Static<typeof setScimSettingsSchema> }>('/api/admin/scim-settings', {
    ...routeOptions('setScimSettings', options),
    schema: setScimSettingsOperation,
    onRequest: access.mayChange
  }, async (request, reply) => {
    const { enabled } = request.body
    const context = contextOf(request)

    const answer = await makeChange(request, 'scimTokenStore.setEnabled', options.timeout, () => store.setEnabled(enabled, context))
    if (answer === refused) return reply
    if (answer !== undefined) throw brokenContract('scimTokenStore.setEnabled', 'nothing', answer)
    return reply.send()
  })
}

function acceptJsonOnly (app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    parse(request, body, (error, value) => { done(error && invalidBody({ path: '', message: `${error.message}.` }), value) })
  })
  app.addContentTypeParser('*', (request, _payload, done) => {
    const sent = request.headers['content-type'] ?? 'none'
    done(httpErrors.unsupportedMediaType(`The content type of the request (${sent}) is not accepted: send application/json.`))
  })
}

function validateSettings (body: unknown) {
  const fault = Value.Errors(setScimSettingsSchema, body).First()
  if (fault === undefined) return { value: body }
  const { path, message } = fault
  return { error: invalidBody({ path, message: `${path || 'The body'}: ${message}.` }) }
}

function invalidBody (fault: Fault): Error {
  const message = `The body must look like {"enabled": true}. ${fault.message}`
  return httpErrors.createError(400, message, { details: [fault] })
}
