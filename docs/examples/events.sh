# What happens to a video, as server-sent events, with curl and jq. The stream ends with the video.
set -eu
server=${CIOTAT_SERVER:-http://127.0.0.1:8000}
call() { curl --silent --show-error --fail-with-body --header "authorization: Bearer $CIOTAT_API_KEY" "$@"; }

id=$(call "$server/v1/videos" --json '{"prompt": "a paper boat", "size": "128x128", "seconds": 1, "steps": 8}' | jq -r .id)
call --no-buffer "$server/v1/videos/$id/events" | while read -r field value; do
    if [ "$field" = data: ]; then echo "$value" | jq -r '"\(.status) \(.progress // "")"'; fi
done
