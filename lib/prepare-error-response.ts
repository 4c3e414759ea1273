import { validateHeaderName, validateHeaderValue } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { read, toError, type LoggableError } from './thrown.ts'

// Of a connection (RFC 9110, section 7.6.1), of an encoded body, and cookies: the error of an HTTP client has those of another server.
const ofOtherMessage = /^(connection|http2-settings|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|content-(digest|encoding|length|md5|range|type)|set-cookie)$/i

/**
 * Sets status and headers of an error response, and logs the error. Status and headers that the host's hooks
 * have set are kept, except for a 4xx if the error has a 5xx: providers stop after a 401.
 *
 * @param fields further fields of the log line
 */
export function prepareErrorResponse (thrown: unknown, request: FastifyRequest, reply: FastifyReply, fields: object = {}): LoggableError {
  const error = toError(thrown)
  error.code ??= 'SCIM_ERROR'
  const { statusCode = 0, headers = {} } = error
  if (reply.statusCode < 400 || (reply.statusCode < 500 && statusCode >= 500)) reply.code(statusCode || 500)
  for (const name of Object.keys(headers)) {
    const value = headerValue(name, read(headers, name))
    if (value !== '' && !ofOtherMessage.test(name)) reply.header(name, value)
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

/** Returns the value as one text, as HTTP/2 rejects most arrays; an empty text if Node.js would reject the header. */
function headerValue (name: string, value: unknown): string {
  try {
    const text = [value].flat().join(', ')
    validateHeaderName(name)
    validateHeaderValue(name, text)
    return text
  } catch {
    return ''
  }
}
