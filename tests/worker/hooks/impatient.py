"""A worker whose watch is sooner at the end of its patience."""

from worker import watch

watch.DEAF_SECONDS = 3.0
watch.STARTS = 2
