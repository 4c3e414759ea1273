import { httpErrors } from '@fastify/sensible'
import type { FastifyInstance } from 'fastify'
import { callHost, contractError, hostFailed } from '../call-host.ts'
import type { ScimSettingsStore } from '../contracts.ts'
import { reportChange } from '../diagnostics.ts'
import type { ResolvedOptions } from '../options.ts'
import { read } from '../thrown.ts'
import type { AccessHooks } from './access.ts'
import { adminRouteOptions } from './route-options.ts'
import { getScimSettingsOperation, scimSettingsSchema, setScimSettingsSchema, setScimSettingsOperation } from './schemas.ts'
import { respondWhilePending, storeContext } from './request-state.ts'
import { writeToStore } from './write-to-store.ts'

/** Adds the routes that show whether SCIM is enabled and has a token, and that enable and disable it. */
export async function scimSettings (
  app: FastifyInstance,
  { store, access, options }: { store: ScimSettingsStore, access: AccessHooks, options: ResolvedOptions }
): Promise<void> {
  acceptJsonOnly(app)
  app.addSchema(scimSettingsSchema)
  app.addSchema(setScimSettingsSchema)

  app.get('/api/admin/scim-settings', {
    ...adminRouteOptions('getScimSettings', options),
    schema: getScimSettingsOperation,
    preParsing: access.requireUser
  }, respondWhilePending(async (request, reply) => {
    const method = 'scimTokenStore.getSettings'
    const context = storeContext(request)
    const settings = await callHost(options.timeout, () => store.getSettings(context)).catch((thrown) => {
      throw hostFailed(method, 503, thrown)
    })
    const [enabled, hasToken] = [read(settings, 'enabled'), read(settings, 'hasToken')]
    if (typeof enabled !== 'boolean' || typeof hasToken !== 'boolean') {
      throw contractError(method, '{ enabled, hasToken }, both true or false', settings)
    }

    reply.header('cache-control', 'no-store')
    return { enabled, hasToken }
  }))

  app.post('/api/admin/scim-settings', {
    ...adminRouteOptions('setScimSettings', options),
    schema: setScimSettingsOperation,
    // The handler validates the body: a validator of the host may convert it, and `{"enabled": null}` disable SCIM.
    validatorCompiler: () => () => true,
    preParsing: access.requirePermission,
    // Again, because the user may have lost access while the body arrived.
    preValidation: access.requirePermission
  }, respondWhilePending(async (request, reply) => {
    const method = 'scimTokenStore.setEnabled'
    const enabled = readEnabled(request.body)
    const result = await writeToStore(request, reply, {
      method,
      timeout: options.timeout,
      call: (context) => store.setEnabled(enabled, context)
    })
    if (result !== undefined) throw contractError(method, 'nothing', result)
    reportChange(request, enabled ? 'enabled' : 'disabled', 'setScimSettings')
  }))
}

function acceptJsonOnly (app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    parse(request, body, (error, value) => { done(error && invalidBody('', `${error.message}.`), value) })
  })
  app.addContentTypeParser('*', ({ headers: { 'content-type': sent = 'none' } }, _payload, done) => {
    done(httpErrors.createError(415, `The content type of the request (${sent}) is not accepted: send application/json.`, { code: 'SCIM_ADMIN_INVALID_BODY' }))
  })
}

function readEnabled (body: unknown): boolean {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw invalidBody('', 'The body: Expected object.')
  const { enabled } = body as { enabled?: unknown }
  if (typeof enabled !== 'boolean') throw invalidBody('/enabled', '/enabled: Expected boolean.')
  return enabled
}

/** @param path JSON Pointer to what is wrong (RFC 6901); empty for the whole body */
function invalidBody (path: string, message: string): Error {
  return httpErrors.createError(400, `The body must look like {"enabled": true}. ${message}`, { code: 'SCIM_ADMIN_INVALID_BODY', details: [{ path, message }] })
}
