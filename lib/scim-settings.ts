import { httpErrors } from '@fastify/sensible'
import type { Static } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import type { FastifyInstance } from 'fastify'
import { storeContext, type AccessHooks } from './access.ts'
import { adminRouteOptions } from './admin-route-options.ts'
import { createBodyTimeout } from './body-timeout.ts'
import { callHost, contractError } from './call-host.ts'
import type { ScimSettings, ScimSettingsStore } from './contracts.ts'
import type { ResolvedOptions } from './options.ts'
import { getScimSettingsOperation, scimSettingsSchema, setScimSettingsSchema, setScimSettingsOperation } from './schemas.ts'
import { errorSent, writeToStore } from './store-write.ts'
import type { Fault } from './to-error.ts'

/** Adds the routes that show whether SCIM is enabled and has a token, and that enable and disable it. */
export async function scimSettings (
  app: FastifyInstance,
  { store, access, options }: { store: ScimSettingsStore, access: AccessHooks, options: ResolvedOptions }
): Promise<void> {
  acceptJsonOnly(app)
  // A validator of the host may coerce types: `{"enabled": null}` would disable SCIM.
  app.setValidatorCompiler(() => validateSettings)

  app.addSchema(scimSettingsSchema)
  app.addSchema(setScimSettingsSchema)

  app.get('/api/admin/scim-settings', {
    ...adminRouteOptions('getScimSettings', options),
    schema: getScimSettingsOperation,
    preParsing: access.requireUser
  }, async (request, reply) => {
    const context = storeContext(request)
    const settings = await callHost('scimTokenStore.getSettings', 503, options.timeout, () => store.getSettings(context))
    const { enabled, hasToken } = Object(settings) as Partial<ScimSettings>
    if (typeof enabled !== 'boolean' || typeof hasToken !== 'boolean') {
      throw contractError('scimTokenStore.getSettings', '{ enabled, hasToken }, both true or false', settings)
    }

    reply.header('cache-control', 'no-store')
    return { enabled, hasToken }
  })

  app.post<{ Body: Static<typeof setScimSettingsSchema> }>('/api/admin/scim-settings', {
    ...adminRouteOptions('setScimSettings', options),
    schema: setScimSettingsOperation,
    preParsing: [access.requirePermission, createBodyTimeout(options.timeout)]
  }, async (request, reply) => {
    const { enabled } = request.body
    const context = storeContext(request)

    const result = await writeToStore(request, reply, 'scimTokenStore.setEnabled', options.timeout, (signal) => store.setEnabled(enabled, { ...context, signal }))
    if (result === errorSent) return reply
    if (result !== undefined) throw contractError('scimTokenStore.setEnabled', 'nothing', result)
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
