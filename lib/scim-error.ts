/** Properties of a {@link ScimError}; an error of `httpErrors` has them too. */
export interface ScimErrorInit {
  /** Status of the response. */
  statusCode: number
  /** Written for the client. */
  message: string
  /**
   * Tells errors apart in logs and error handlers; never sent.
   * @defaultValue `'SCIM_ERROR'`
   */
  code?: string | undefined
  /** Headers of the response, besides its content type. */
  headers?: Readonly<Record<string, string>> | undefined
  /** Written to the log, never sent. */
  cause?: unknown
}

/**
 * An error that serializes to a SCIM error response (RFC 7644, section 3.12).
 *
 * It is not an `Error`: Fastify builds the response body of an `Error` itself, and sends any other
 * thrown object as it is. A host's own error handler does the same with
 * `reply.headers(error.headers).send(error)`. It has no stack, which would cost half as much as the
 * rest of a rejection.
 */
export class ScimError {
  /** Status of the response: 401 or 503. */
  readonly statusCode: number
  /** Written for the client; internal messages are in `cause`. */
  readonly message: string
  /**
   * `SCIM_TOKEN_MISSING` or `SCIM_TOKEN_INVALID` if a request is rejected, `SCIM_STORE_FAILED` if the
   * token could not be verified.
   */
  readonly code: string
  /** Headers of the response: content type, and `www-authenticate` or `retry-after`. */
  readonly headers: Readonly<Record<string, string>>
  /** What the store threw, for the log. */
  readonly cause: unknown

  constructor ({ statusCode, message, code = 'SCIM_ERROR', headers, cause }: ScimErrorInit) {
    this.statusCode = statusCode
    this.message = message
    this.code = code
    // A spread would cost a tenth of a rejection.
    this.headers = Object.assign({}, headers, { 'content-type': 'application/scim+json' })
    this.cause = cause
  }

  /** The name of the class, as errors have it; never sent. */
  get name () {
    return 'ScimError'
  }

  // Properties too, because serializers that validate their input read them instead of toJSON.

  /** The schema URI of a SCIM error. */
  get schemas () {
    return ['urn:ietf:params:scim:api:messages:2.0:Error']
  }

  /** The status code as the string that the body has. */
  get status () {
    return String(this.statusCode)
  }

  /** The message, as the body names it. */
  get detail () {
    return this.message
  }

  /** Returns the body of the response. */
  toJSON () {
    const { schemas, status, detail } = this
    return { schemas, status, detail }
  }
}
