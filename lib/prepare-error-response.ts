import { validateHeaderName, validateHeaderValue } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { read, toError, type LoggableError } from './thrown.ts'

// They describe a connection or a body (RFC 9110, sections 7.6.1 and 8), or are cookies: an HTTP client's error has those of another server.
const ofOtherMessage = /^(connection|http2-settings|keep-alive|proxy-.*|set-cookie|te|trailer|transfer-encoding|upgrade|content-.*|etag|last-modified)$/i

/**
 * Sets status and headers of an error response, and logs the error. Status and headers that the host's hooks
 * have set are kept, except for a 4xx if the error has a 5xx: providers stop after a 401.
 *
 * @param fields further fields of the log line
 */
export function prepareErrorResponse (thrown: unknown, request: FastifyRequest, reply: FastifyReply, fields: object = {}): LoggableError {
  const error = toError(thrown)
  error.code ??= 'SCIM_ERROR'
  const { statusCode, headers = {} } = error
  if (reply.statusCode < 400 || (reply.statusCode < 500 && statusCode !== undefined && statusCode >= 500)) reply.code(statusCode ?? 500)
  for (const name of Object.keys(headers)) {
    const value = read(headers, name)
    if (isValidHeader(name, value) && !ofOtherMessage.test(name)) reply.header(name, value)
  }
  closeIfUnread(request, reply)
  request.log[reply.statusCode < 500 ? 'info' : 'error']({ ...fields, err: error }, error.message)
  return error
}

/** Closes the connection after the response if an unread body may be endless: Node.js would go on reading it. */
export function closeIfUnread ({ raw }: FastifyRequest, reply: FastifyReply): void {
  // HTTP/2 has no such header: its flow control limits what is read.
  if (!raw.complete && raw.headers['transfer-encoding'] !== undefined) reply.header('connection', 'close')
}

function isValidHeader (name: string, value: unknown): boolean {
  try {
    validateHeaderName(name)
    validateHeaderValue(name, value as string)
    return true
  } catch {
    return false
  }
}
