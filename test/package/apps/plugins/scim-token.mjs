export { default } from 'fastify-scim-token'
export const autoConfig = { permissions: ['ADMIN'] }
