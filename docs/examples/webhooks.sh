# An address is told of the ends of videos, and tried out, with curl and jq. The secret is told this once.
set -eu
server=${CIOTAT_SERVER:-http://127.0.0.1:8000}
call() { curl --silent --show-error --fail-with-body --header "authorization: Bearer $CIOTAT_API_KEY" "$@"; }

endpoint=$(call "$server/v1/webhook_endpoints" --json '{"name": "ours", "url": "'"$WEBHOOK_URL"'",
    "event_types": ["video.completed", "video.failed", "video.cancelled"]}')
here=$server/v1/webhook_endpoints/$(echo "$endpoint" | jq -r .id)
echo "$endpoint" | jq -r .signing_secret
call "$here/test" --json '{"event_type": "video.completed"}' | jq -r .status_code
call --request DELETE "$here" --output /dev/null
