import type { HttpError } from '@fastify/sensible'

/**
 * An error that is its own SCIM response body (RFC 7644, section 3.12).
 *
 * It is thrown, so that `@fastify/auth` can ask the next strategy. It is no `Error`, because
 * Fastify writes the body of an `Error` itself and sends anything else as it is. A host's own error
 * handler does the same with `reply.headers(error.headers).send(error)`.
 */
export class ScimError {
  readonly statusCode: number
  /** For the client to read; what is not for the client is in `cause`. */
  readonly message: string
  readonly headers: Readonly<Record<string, string>>
  readonly stack: string | undefined
  readonly cause: unknown

  constructor ({ statusCode, message, headers, stack, cause }: HttpError) {
    this.statusCode = statusCode
    this.message = message
    this.headers = { ...headers, 'content-type': 'application/scim+json' }
    this.stack = stack
    this.cause = cause
  }

  toJSON () {
    return {
      schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'],
      status: String(this.statusCode),
      detail: this.message
    }
  }
}
