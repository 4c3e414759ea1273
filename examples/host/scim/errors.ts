import { httpErrors } from '@fastify/sensible'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { ScimError } from 'fastify-scim-token'
import SCIMMY from 'scimmy'
import { scimJson } from './body.ts'

/**
 * Turns an error of the database into one of SCIM. SCIMMY answers any other with 404, and a
 * provider takes that for a user who is gone.
 */
export function toScimError (error: Error & { code?: string }): never {
  // PostgreSQL's codes: a violated unique index, and the class of values that it cannot store.
  if (error.code === '23505') throw new SCIMMY.Types.Error(409, 'uniqueness', 'There is a resource with this name already.')
  if (error.code?.startsWith('22')) throw new SCIMMY.Types.Error(400, 'invalidValue', 'The resource has a value that cannot be stored.')
  throw Object.assign(new SCIMMY.Types.Error(500, '', 'The resources cannot be read or written now.'), { cause: error })
}

/** Answers any error of the SCIM routes in the shape of RFC 7644, section 3.12. */
export function sendScimError (error: ScimError | SCIMMY.Types.SCIMError | FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const { status, headers, body } = toAnswer(error)
  request.log[status < 500 ? 'info' : 'error']({ err: error }, error.message)
  reply.code(status).headers(headers).send(body)
}

function toAnswer (error: ScimError | SCIMMY.Types.SCIMError | FastifyError) {
  if (error instanceof SCIMMY.Types.Error) {
    // Its members alone, because Fastify has a body of its own for an Error.
    return { status: error.status, headers: { 'content-type': scimJson }, body: { ...new SCIMMY.Messages.ErrorResponse(error) } }
  }
  const scimError = error instanceof ScimError ? error : ownError(error)
  return { status: scimError.statusCode, headers: scimError.headers, body: scimError }
}

/** For what Fastify refuses, such as a body that is no JSON, and for what goes wrong in the host. */
function ownError ({ statusCode = 500, message }: FastifyError): ScimError {
  const detail = statusCode < 500 ? message : 'Something went wrong on the server. Its log has the cause.'
  return new ScimError(httpErrors.createError(statusCode, detail))
}
