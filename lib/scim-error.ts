/** What a {@link ScimError} is made of; an error of `httpErrors` will do. */
export interface ScimErrorInit {
  /** The status of the response. */
  statusCode: number
  /** For the client to read. */
  message: string
  /** Those of the response, besides its content type. */
  headers?: Readonly<Record<string, string>> | undefined
  /** For the log. */
  cause?: unknown
}

/**
 * An error that is its own SCIM response body (RFC 7644, section 3.12).
 *
 * It is thrown, so that `@fastify/auth` can ask the next strategy. It is no `Error`, because
 * Fastify writes the body of an `Error` itself and sends anything else as it is. A host's own error
 * handler does the same with `reply.headers(error.headers).send(error)`. It has no stack: taking
 * one costs half as much as the rest of a refusal, and the error in `cause` has its own.
 */
export class ScimError {
  /** The status of the response: 401 or 503. */
  readonly statusCode: number
  /** For the client to read; what is not for the client is in `cause`. */
  readonly message: string
  /** Those of the response: content type, and `www-authenticate` or `retry-after`. */
  readonly headers: Readonly<Record<string, string>>
  /** What the store threw, for the log. */
  readonly cause: unknown

  constructor ({ statusCode, message, headers, cause }: ScimErrorInit) {
    this.statusCode = statusCode
    this.message = message
    // A spread with another property takes a tenth of a refusal.
    this.headers = Object.assign({}, headers, { 'content-type': 'application/scim+json' })
    this.cause = cause
  }

  // The members of the body are properties too: a serializer that checks its input looks at those.

  /** Says that the body is an error of SCIM. */
  get schemas () {
    return ['urn:ietf:params:scim:api:messages:2.0:Error']
  }

  /** The status code in the body, where it is a string. */
  get status () {
    return String(this.statusCode)
  }

  /** The message in the body. */
  get detail () {
    return this.message
  }

  /** The body of the response. */
  toJSON () {
    const { schemas, status, detail } = this
    return { schemas, status, detail }
  }
}
