#!/bin/sh
# What the official image does: name servers as a variable, variables in templates.
set -eu
NGINX_LOCAL_RESOLVERS=$(awk '$1 == "nameserver" { printf "%s ", $2 }' /etc/resolv.conf)
export NGINX_LOCAL_RESOLVERS
for template in /etc/nginx/templates/*.template; do
    [ -e "$template" ] || continue
    # shellcheck disable=SC2016
    envsubst '${NGINX_LOCAL_RESOLVERS}' < "$template" > "/etc/nginx/conf.d/$(basename "$template" .template)"
done
exec "$@"
