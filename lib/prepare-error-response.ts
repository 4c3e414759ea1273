import type { FastifyReply, FastifyRequest } from 'fastify'
import { toError, type LoggableError } from './thrown.ts'

/**
 * Sets status and headers of an error response, and logs the error. Status and headers that the host's hooks
 * have set are kept.
 *
 * @param fields further fields of the log line
 */
export function prepareErrorResponse (thrown: unknown, request: FastifyRequest, reply: FastifyReply, fields: object = {}): LoggableError {
  const error = toError(thrown)
  error.code ??= 'SCIM_ERROR'
  if (reply.statusCode < 400) reply.code(error.statusCode ?? 500)
  if (error.headers !== undefined) reply.headers(error.headers)
  closeIfUnread(request, reply)
  request.log[reply.statusCode < 500 ? 'info' : 'error']({ ...fields, err: error }, error.message)
  return error
}

/** Closes the connection after the response if an unread body may be endless: Node.js would go on reading it. */
export function closeIfUnread ({ raw }: FastifyRequest, reply: FastifyReply): void {
  // HTTP/2 has no such header: its flow control limits what is read.
  if (!raw.complete && raw.headers['transfer-encoding'] !== undefined) reply.header('connection', 'close')
}
