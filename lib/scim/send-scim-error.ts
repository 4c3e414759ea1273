import type { FastifyReply, FastifyRequest, RawRequestDefaultExpression, RawServerBase, RouteGenericInterface } from 'fastify'
import { prepareErrorResponse } from '../prepare-error-response.ts'
import { read, type LoggableError } from '../thrown.ts'
import { ScimError } from './scim-error.ts'

/** Seconds after which a provider may try again. */
export const retryAfter = '5'

/**
 * Logs any error and sends it as a SCIM error (RFC 7644, section 3.12):
 * `scim.setErrorHandler(sendScimError)`. A 5xx is logged as `error` with its cause, others as `info`.
 *
 * Status and headers that hooks of the host or the error have set are kept, with two exceptions. The 5xx of an
 * error replaces a 4xx. Headers of an error that belong to a connection, to an encoded body or to cookies are dropped.
 *
 * Of a 5xx only a {@link ScimError} sends its message; that of any other is in the log alone. If an `onSend`
 * hook fails for the error response too, the error handler around the scope gets the error of the hook.
 *
 * @group Functions
 */
export const sendScimError = sendError as <RawServer extends RawServerBase>(
  thrown: unknown,
  request: FastifyRequest<RouteGenericInterface, RawServer, RawRequestDefaultExpression<RawServer>>,
  reply: FastifyReply<RouteGenericInterface, RawServer>
) => void

function sendError (thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const loggedError = prepareErrorResponse(thrown, request, reply)
  const { statusCode } = reply
  if (statusCode === 503 && !reply.hasHeader('retry-after')) reply.header('retry-after', retryAfter)
  const error = thrown instanceof ScimError ? thrown : new ScimError({ statusCode, ...describe(thrown, loggedError, statusCode) })
  // A string, so that no preSerialization hook and no serializer of the scope changes the shape.
  reply.type('application/scim+json').send(JSON.stringify({ ...error, status: String(statusCode) }))
}

function describe (thrown: unknown, { code, message }: LoggableError, statusCode: number) {
  if (statusCode >= 500) return { message: 'Something went wrong on the server. Its log has the cause.' }
  const isBodyInvalid = statusCode === 400 && (read(thrown, 'validationContext') === 'body' || String(code).startsWith('FST_ERR_CTP_'))
  return { message, scimType: isBodyInvalid ? 'invalidSyntax' : undefined }
}
