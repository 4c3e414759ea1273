import type { FastifyInstance } from 'fastify'

/** The media type of SCIM bodies. */
export const scimJson = 'application/scim+json'

/** Parses SCIM bodies. No body at all is nobody's mistake: clients name its type on a DELETE, too. */
export function parseScimJson (app: FastifyInstance): void {
  const parseJson = app.getDefaultJsonParser('error', 'error')
  app.removeContentTypeParser('application/json')
  app.addContentTypeParser<string>([scimJson, 'application/json'], { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null)
    else parseJson(request, body, done)
  })
}
