import { httpErrors } from '@fastify/sensible'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { ScimError } from 'fastify-scim-token'
import SCIMMY from 'scimmy'
import { scimJson } from './body.ts'

/**
 * Throws the SCIM error for a database error. SCIMMY turns any other error into a 404, which tells
 * a provider that the user does not exist.
 */
export function toScimError (error: Error & { code?: string }): never {
  // PostgreSQL's codes: a violated unique index, and the class of values that it cannot store.
  if (error.code === '23505') throw new SCIMMY.Types.Error(409, 'uniqueness', 'There is a resource with this name already.')
  if (error.code?.startsWith('22')) throw new SCIMMY.Types.Error(400, 'invalidValue', 'The resource has a value that cannot be stored.')
  throw Object.assign(new SCIMMY.Types.Error(500, '', 'The resources cannot be read or written now.'), { cause: error })
}

/** Sends an error of the SCIM routes in the format of RFC 7644, section 3.12. */
export function sendScimError (error: ScimError | SCIMMY.Types.SCIMError | FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const { status, headers, body } = toResponse(error)
  request.log[status < 500 ? 'info' : 'error']({ err: error }, error.message)
  reply.code(status).headers(headers).send(body)
}

function toResponse (thrown: ScimError | SCIMMY.Types.SCIMError | FastifyError) {
  const error = toScimShape(thrown)
  if (error instanceof SCIMMY.Types.Error) {
    // Its members alone, because Fastify has a body of its own for an Error.
    return { status: error.status, headers: { 'content-type': scimJson }, body: { ...new SCIMMY.Messages.ErrorResponse(error) } }
  }
  return { status: error.statusCode, headers: error.headers, body: error }
}

/** Converts errors of Fastify, such as for a body that is not JSON, and of the host. */
function toScimShape (error: ScimError | SCIMMY.Types.SCIMError | FastifyError): ScimError | SCIMMY.Types.SCIMError {
  if (error instanceof ScimError || error instanceof SCIMMY.Types.Error) return error
  const { statusCode = 500, message, validationContext } = error
  if (validationContext === 'body') return new SCIMMY.Types.Error(400, 'invalidSyntax', message)
  const detail = statusCode < 500 ? message : 'Something went wrong on the server. Its log has the cause.'
  return new ScimError(httpErrors.createError(statusCode, detail))
}
