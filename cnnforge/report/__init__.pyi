from . import charts as charts, numbers as numbers, page as page
from .charts import HEIGHT as HEIGHT, WIDTH as WIDTH, Scale as Scale, svg as svg
from .figures import (
    FEW as FEW,
    ClassFigures as ClassFigures,
    LeadingFigure as LeadingFigure,
    class_figures as class_figures,
    leading_figures as leading_figures,
    measured_figures as measured_figures,
    share as share,
    summary_rows as summary_rows,
    verdict as verdict,
)
from .numbers import count as count, duration as duration, number as number, percent as percent, size as size
from .run_files import RunFiles as RunFiles, read_run_files as read_run_files
from .sections import render_section as render_section
from .writing import excerpt as excerpt, write_report as write_report
