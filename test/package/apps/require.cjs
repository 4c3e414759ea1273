const fastify = require('fastify')
const { memoryStore } = require('fastify-scim-token/stores/memory')
const { generate, resolver } = require('./host.mjs')

const app = fastify()
app.decorate('scimAuthResolver', resolver)
app.decorate('scimTokenStore', memoryStore())
app.register(require('fastify-scim-token'))
generate(app)
