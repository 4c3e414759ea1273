import type { FastifyInstance } from 'fastify'

/** The media type of SCIM bodies. */
export const scimJson = 'application/scim+json'

/** Parses SCIM bodies. Identity providers send a content type with a DELETE without a body, where Fastify would expect one. */
export function parseScimJson (app: FastifyInstance): void {
  app.addHook('onRequest', async ({ headers }) => {
    const hasBody = Number(headers['content-length'] ?? 0) > 0 || headers['transfer-encoding'] !== undefined
    if (!hasBody) delete headers['content-type']
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser([scimJson, 'application/json'], { parseAs: 'string' }, app.getDefaultJsonParser('error', 'error'))
}
